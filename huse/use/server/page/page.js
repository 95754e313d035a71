"use strict";
// The page is what its address says: q (words), class (a node of the tree), like (a product), in (kind), product (details).
// A picture has no place in an address; it is kept by a number in the history's state until the page is left. The newest
// one outlives a reload, where the browser has room for it.

const SHOWN = 24, MOST = 192, TILES = 12, NEIGHBOURS = 10, PAUSE = 220; // the last in milliseconds
const at = (id) => document.getElementById(id);
const pictures = new Map(); // number: {file, address}
let state = {}, classes = [], hits = [], asking = null, waiting = 0, shown = SHOWN;

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

const percent = (share) => (share > 0.995 && share < 1 ? "> 99" : String(Math.round(100 * share))) + " %";
const last = (path) => path.split("<").at(-1);
const counted = (number, one) => `${number.toLocaleString("en")} ${one}${number === 1 ? "" : "s"}`;
const isPlain = (event) => event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;

// ---- asking the server

class Refused extends Error {
  constructor(status, message, retry) { super(message); this.status = status; this.retry = retry; }
}

async function ask(path, fields, signal) {
  const options = { signal };
  if (fields) {
    options.method = "POST";
    options.body = new FormData();
    for (const [name, value] of Object.entries(fields)) if (value) options.body.append(name, value);
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "The server does not answer. Is it running?", 3);
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const said = await answer.json().catch(() => ({}));
  throw new Refused(answer.status, said.error ?? answer.statusText, Number(answer.headers.get("retry-after")));
}

function login() {
  const dialog = at("login"), form = dialog.querySelector("form");
  if (dialog.open) return;
  form.onsubmit = async (event) => {
    event.preventDefault();
    const sent = await fetch("/session", {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token: at("token").value }),
    });
    if (!sent.ok) {
      form.querySelector(".error").textContent = "This is not the token of the server.";
      at("token").select();
      return;
    }
    dialog.close();
    begin();
  };
  dialog.showModal();
}

// ---- the address

function readAddress() {
  const given = new URLSearchParams(location.search), number = history.state?.picture;
  return {
    q: given.get("q") ?? "", class: given.get("class") ?? "", like: given.get("like") ?? "", kind: given.get("in") ?? "products",
    product: given.get("product") ?? "", picture: pictures.has(number) ? number : 0,
  };
}

function address(of) {
  const told = new URLSearchParams();
  for (const name of ["q", "class", "like", "product"]) if (of[name]) told.set(name, of[name]);
  if (of.kind !== "products") told.set("in", of.kind);
  return "/" + (told.size ? "?" + told : "");
}

function go(changes, { replace = false } = {}) {
  const before = state;
  state = { ...state, ...changes };
  history[replace ? "replaceState" : "pushState"]({ picture: state.picture }, "", address(state));
  draw(before);
}

function draw(before = {}) {
  if (at("query").value.trim() !== state.q) at("query").value = state.q;
  at("kind").value = state.kind;
  const picture = pictures.get(state.picture);
  at("chip").hidden = !picture;
  if (picture) at("chip").querySelector("img").src = picture.address;
  drawTree();
  drawFilters();
  document.title = (state.q || (state.like ? `Like ${state.like}` : picture ? "Like a picture" : last(state.class)) || "Search") + " · HUSE";
  if (["q", "class", "like", "kind", "picture"].some((name) => before[name] !== state[name])) {
    shown = SHOWN;
    find();
  }
  if (before.product !== state.product) showDetails();
}

// ---- searching

async function find() {
  asking?.abort();
  clearTimeout(waiting);
  const own = (asking = new AbortController());
  const isStart = !state.q && !state.picture && !state.like && !state.class;
  at("bar").hidden = isStart;
  busy(true);
  try {
    if (isStart) await showStart(own.signal);
    else {
      const asked = state.q || state.picture;
      const found = await ask("/search", {
        text: state.q || (!state.picture && !state.like ? last(state.class) : ""),
        pictures: pictures.get(state.picture)?.file, like: asked ? "" : state.like, kind: state.kind, k: String(shown),
        classes: state.class && state.class + "<*", decide: asked ? "true" : "",
      }, own.signal);
      showHits(found);
    }
  } catch (error) {
    if (error.name === "AbortError") return;
    showError(error);
  } finally {
    if (asking === own) busy(false);
  }
}

function busy(is) {
  at("results").setAttribute("aria-busy", String(is));
  clearTimeout(busy.timer);
  if (!is) {
    at("progress").hidden = true;
    at("results").classList.remove("is-old");
    return;
  }
  busy.timer = setTimeout(() => {
    at("progress").hidden = false;
    if (at("results").querySelector(".card")) at("results").classList.add("is-old");
    else if (at("message").hidden) at("results").replaceChildren(...Array.from({ length: 8 }, () => make("li", { class: "bone", "aria-hidden": "true" })));
  }, 150);
}

function showHits({ hits: found, decision }) {
  hits = found;
  showDecision(decision);
  at("message").hidden = true;
  at("results").replaceChildren(...hits.map(card));
  at("more").hidden = hits.length < shown || shown >= MOST;
  const nearest = { products: "product", pictures: "picture", names: "name" }[state.kind];
  const to = state.q && state.picture ? "to picture and words together" : state.picture ? "to the picture" : state.q ? `to “${state.q}”` : state.like ? `to ${state.like}` : `to the words “${last(state.class)}”`;
  at("status").textContent = hits.length ? `${counted(hits.length, nearest)}, the nearest ${to} first` : "";
  if (!hits.length) {
    message("Nothing here", state.class ? `No ${nearest} of the index lies in ${last(state.class)}.` : "The index is empty.",
      state.class ? make("button", { type: "button", class: "quiet", onclick: () => go({ class: "" }) }, "Search all classes") : null);
  }
}

function card(hit) {
  const open = make("a", { class: "open", href: address({ ...state, product: hit.product }), onclick: (event) => openProduct(event, hit.product) },
    thumbnail(hit.picture, 320, ""), make("div", { class: "text" }, make("div", { class: "name" }, hit.name || hit.product)));
  return make("li", { class: "card" }, open, make("div", { class: "class" }, crumbs(hit.class_path),
    make("span", { class: "cosine", title: "cosine of the embeddings: 1 is the same direction" }, `cosine ${hit.similarity.toFixed(3)}`)));
}

function openProduct(event, product) {
  if (!isPlain(event)) return;
  event.preventDefault();
  go({ product });
}

function thumbnail(address, side, alt) {
  const box = make("div", { class: "picture" });
  const missing = () => box.replaceChildren(make("span", {}, "no picture"));
  if (address) box.append(make("img", { src: `${address}?side=${side}`, alt, loading: "lazy", decoding: "async", width: side, height: side, onerror: missing }));
  else missing();
  return box;
}

function crumbs(path) {
  const place = make("span", { class: "crumbs" });
  if (!path) return make("span", { class: "crumbs" }, "without a class");
  path.split("<").forEach((level, depth, levels) => {
    if (depth) place.append(make("span", { "aria-hidden": "true" }, "›"));
    const node = levels.slice(0, depth + 1).join("<");
    place.append(make("button", { type: "button", title: `Only ${level}`, onclick: () => { at("details").close(); go({ class: node, product: "" }); } }, level));
  });
  return place;
}

function sureness(probability) {
  const bar = make("i");
  bar.style.setProperty("--share", `${100 * probability}%`);
  return make("span", { class: "sure", title: "calibrated probability" }, make("span", { class: "track", "aria-hidden": "true" }, bar), percent(probability));
}

/** What the model says of a product, beside the class that it has. */
function verdict({ decision, class_path: filed }) {
  const isSame = decision.class_path === filed;
  return [make("span", { class: isSame ? "right" : "unsure" }, isSame ? "the same" : decision.class_path.replaceAll("<", " › ")), " ", sureness(decision.probability)];
}

function showDecision(decision) {
  const place = at("decision"), picture = pictures.get(state.picture);
  place.hidden = !decision?.class_path;
  if (place.hidden) return;
  const notes = make("div", { class: "notes" });
  const note = (kind, text) => notes.append(make("span", { class: kind }, text));
  if (decision.node === decision.class_path) note("right", "sure of the class");
  else if (decision.node) note("unsure", `sure only of ${decision.node.replaceAll("<", " › ")} (${percent(decision.node_probability)})`);
  else note("unsure", "not sure of any class");
  if (decision.agree === true) note("right", "picture and words agree");
  if (decision.agree === false) note("wrong", `the picture says ${last(decision.by_picture)}, the words say ${last(decision.by_name)}`);
  if (decision.second && decision.second_probability >= 0.01) note("", `or ${last(decision.second)}, ${percent(decision.second_probability)}`);
  for (const remark of decision.remarks) note("wrong", remark);
  place.classList.toggle("is-alone", !picture);
  place.replaceChildren(...(picture ? [make("img", { src: picture.address, alt: "the picture that is looked for" })] : []),
    make("div", { class: "said" }, make("div", { class: "kicker" }, "looks like"),
      make("div", { class: "answer" }, crumbs(decision.class_path),
        sureness(decision.probability)),
      notes));
}

// ---- messages

function message(title, text, action = null) {
  at("results").replaceChildren();
  at("more").hidden = true;
  at("message").hidden = false;
  at("message").replaceChildren(make("h2", {}, title), make("p", {}, text), ...(action ? [action] : []));
}

function showError(error) {
  at("decision").hidden = true;
  at("status").textContent = "";
  if (error.status === 401) return login();
  const again = make("button", { type: "button", class: "quiet", onclick: begin }, "Try again");
  const isTemporary = error.status === 503 || error.status === 0;
  message(isTemporary ? "One moment" : "That did not work", error.message, again);
  if (isTemporary) waiting = setTimeout(begin, 1000 * (error.retry || 2));
}

async function showStart(signal) {
  hits = [];
  showDecision(null);
  at("more").hidden = true;
  const tops = new Map();
  for (const one of classes) tops.set(one.class_path.split("<")[0], (tops.get(one.class_path.split("<")[0]) ?? 0) + one.products);
  const chosen = [...tops].sort((a, b) => b[1] - a[1]).slice(0, TILES).filter(([, products]) => products);
  const found = await Promise.all(chosen.map(([top]) => ask("/search", { text: top, classes: top + "<*", k: "1" }, signal)));
  const products = classes.reduce((sum, one) => sum + one.products, 0);
  if (!products) return message("Nothing to search in yet", "This server has a model, and no products. Its endpoints embed and classify: see API above.");
  at("message").hidden = true;
  at("results").replaceChildren(
    make("li", { class: "lead" }, make("h1", {}, "What are you looking for?"),
      make("p", {}, `Type a few words, drop or paste a picture, or both. ${counted(products, "product")} in ${classes.filter((one) => one.products).length} classes.`)),
    ...chosen.map(([top, count], place) => make("li", { class: "card tile" },
      make("a", { class: "open", href: address({ ...state, class: top }), onclick: (event) => { if (isPlain(event)) { event.preventDefault(); go({ class: top }); } } },
        thumbnail(found[place].hits[0]?.picture, 320, ""),
        make("div", { class: "text" }, make("div", { class: "name" }, top), make("div", { class: "faint number" }, counted(count, "product")))))));
}

// ---- the class tree

function drawTree() {
  const root = new Map();
  for (const { class_path: path, products } of classes) {
    let level = root, before = "";
    for (const name of path.split("<")) {
      before = before ? `${before}<${name}` : name;
      if (!level.has(name)) level.set(name, { path: before, products: 0, below: new Map() });
      level.get(name).products += products;
      level = level.get(name).below;
    }
  }
  const focused = document.activeElement?.dataset?.node;
  at("tree").replaceChildren(list(root));
  if (focused !== undefined) at("tree").querySelector(`[data-node="${CSS.escape(focused)}"]`)?.focus();
  at("chosen").textContent = state.class && last(state.class);
}

const opened = new Set();
const CHEVRON = "m9 5 7 7-7 7";

function list(level) {
  return make("ul", {}, ...[...level].sort(([a], [b]) => a.localeCompare(b)).map(([name, node]) => {
    const isChosen = state.class === node.path, isOpen = opened.has(node.path) || isChosen || state.class.startsWith(node.path + "<");
    const toggle = node.below.size ? make("button", {
      type: "button", class: "open", tabindex: "-1", "aria-expanded": String(isOpen), "aria-label": `${isOpen ? "Close" : "Open"} ${name}`,
      onclick: () => { setOpen(node.path, !isOpen); },
    }, chevron()) : make("span");
    const pick = make("button", {
      type: "button", class: "pick", "data-node": node.path, "aria-pressed": String(isChosen), "aria-expanded": node.below.size ? String(isOpen) : null,
      onclick: () => { at("toggle").setAttribute("aria-expanded", "false"); opened.add(node.path); go({ class: isChosen ? "" : node.path }); },
    }, make("span", {}, name), make("span", { class: "count" }, node.products.toLocaleString("en")));
    return make("li", {}, make("div", { class: "node" + (isChosen ? " is-chosen" : "") }, toggle, pick), ...(isOpen && node.below.size ? [list(node.below)] : []));
  }));
}

function chevron() {
  const space = "http://www.w3.org/2000/svg", icon = document.createElementNS(space, "svg"), path = document.createElementNS(space, "path");
  icon.setAttribute("viewBox", "0 0 24 24");
  icon.setAttribute("aria-hidden", "true");
  path.setAttribute("d", CHEVRON);
  icon.append(path);
  return icon;
}

function setOpen(node, is) {
  opened[is ? "add" : "delete"](node);
  drawTree();
}

function drawFilters() {
  const filter = (text, remove) => make("span", { class: "filter" }, text, make("button", { type: "button", "aria-label": `Remove: ${text}`, onclick: remove }, "×"));
  at("filters").replaceChildren(
    ...(state.class ? [filter(`in ${last(state.class)}`, () => go({ class: "" }))] : []),
    ...(state.like && !state.q && !state.picture ? [filter(`like ${state.like}`, () => go({ like: "" }))] : []));
}

// ---- details of a product

async function showDetails() {
  const dialog = at("details"), product = state.product;
  if (!product) { if (dialog.open) dialog.close(); return; }
  try {
    const [found, near] = await Promise.all([
      ask(`/product?decide=true&id=${encodeURIComponent(product)}`), ask("/search", { like: product, k: String(NEIGHBOURS) })]);
    if (state.product !== product) return;
    const large = make("div", { class: "large" }, thumbnail(found.pictures[0], 640, found.name || product));
    const small = make("div", { class: "small" }, ...found.pictures.map((each, place) => make("button", {
      type: "button", "aria-label": `Picture ${place + 1}`, "aria-pressed": String(place === 0),
      onclick: (event) => {
        large.replaceChildren(thumbnail(each, 640, found.name || product));
        for (const other of small.children) other.setAttribute("aria-pressed", String(other === event.currentTarget));
      },
    }, make("img", { src: `${each}?side=160`, alt: "" }))));
    const facts = Object.entries({ id: product === found.name ? "" : product, ...found.further }).filter(([, value]) => value !== null && value !== "");
    const made = found.decision?.class_path ? [make("dt", {}, "the model says"), make("dd", {}, ...verdict(found))] : [];
    dialog.replaceChildren(
      make("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => dialog.close() }, "×"),
      make("div", { class: "whole" },
        make("div", {}, large, ...(found.pictures.length > 1 ? [small] : [])),
        make("div", {}, make("h2", { id: "details-name" }, found.name || product), make("p", { class: "faint" }, crumbs(found.class_path)),
          make("dl", { class: "facts" }, ...made, ...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, String(value))])),
          make("div", { class: "actions" },
            make("button", { type: "button", class: "primary", onclick: () => go({ like: product, product: "", q: "", picture: 0, class: "" }) }, "Search on with this")),
          make("h3", {}, "nearest to it"),
          make("ol", { class: "neighbours" }, ...near.hits.map((hit) => make("li", {},
            make("a", { href: address({ ...state, product: hit.product }), onclick: (event) => openProduct(event, hit.product) },
              thumbnail(hit.picture, 160, ""), make("span", { class: "name" }, hit.name || hit.product), make("span", { class: "faint number" }, hit.similarity.toFixed(3)))))))));
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  } catch (error) {
    if (error.status === 401) return login();
    dialog.replaceChildren(make("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => dialog.close() }, "×"),
      make("div", { class: "whole" }, make("p", { class: "error", id: "details-name" }, error.message)));
    if (!dialog.open) dialog.showModal();
  }
}

// ---- what people do

function take(file) {
  if (!file) return;
  if (!file.type.startsWith("image/")) {
    showError(new Refused(422, `${file.name || "What you gave"} is no picture. JPEG, PNG, WebP, GIF, TIFF, BMP and AVIF can be read.`));
    return;
  }
  const number = Date.now(), reader = new FileReader();
  pictures.set(number, { file, address: URL.createObjectURL(file) });
  reader.onload = () => {
    try {
      sessionStorage.setItem("picture", JSON.stringify({ number, name: file.name, type: file.type, content: reader.result.split(",")[1] }));
    } catch {
      sessionStorage.removeItem("picture");
    }
  };
  reader.readAsDataURL(file);
  go({ picture: number, like: "", product: "" });
}

function restore() {
  const { number, name, type, content } = JSON.parse(sessionStorage.getItem("picture") ?? "{}");
  if (!number) return;
  const file = new File([Uint8Array.from(atob(content), (one) => one.charCodeAt(0))], name, { type });
  pictures.set(number, { file, address: URL.createObjectURL(file) });
}

function typed() {
  clearTimeout(typed.timer);
  typed.timer = setTimeout(() => {
    const q = at("query").value.trim();
    if (q !== state.q) go({ q, like: q ? "" : state.like }, { replace: Boolean(state.q && q) });
  }, PAUSE);
}

/** Move among the cards as they are seen; from the search box the first one is next. */
function moved(event) {
  const cards = [...document.querySelectorAll("#results .open")], place = cards.indexOf(document.activeElement);
  const columns = cards.filter((one) => one.getBoundingClientRect().top === cards[0].getBoundingClientRect().top).length;
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
  if (place < 0) {
    if (event.key !== "ArrowDown" || document.activeElement !== at("query") || !cards.length) return;
    cards[0].focus();
  } else if (place + step < 0) at("query").focus();
  else cards[Math.min(place + step, cards.length - 1)].focus();
  event.preventDefault();
}

function movedInTree(event) {
  const nodes = [...document.querySelectorAll("#tree .pick")], place = nodes.indexOf(document.activeElement), node = nodes[place]?.dataset.node;
  if (event.key === "ArrowDown") nodes[Math.min(place + 1, nodes.length - 1)].focus();
  else if (event.key === "ArrowUp") nodes[Math.max(place - 1, 0)].focus();
  else if (nodes[place].hasAttribute("aria-expanded")) setOpen(node, event.key === "ArrowRight");
  event.preventDefault();
}

function pressed(event) {
  if (at("details").open || at("login").open) return;
  const isTyping = event.target.matches("input, select");
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    at("query").focus();
    at("query").select();
  } else if (event.key === "Escape" && !isTyping && (state.q || state.picture || state.like)) go({ q: "", picture: 0, like: "" });
  else if (event.key.startsWith("Arrow")) {
    if (document.activeElement.matches("#tree .pick")) movedInTree(event);
    else if (!isTyping || event.target === at("query")) moved(event);
  }
}

let dragged = 0;
const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
addEventListener("dragenter", (event) => { if (hasFiles(event)) { dragged += 1; at("drop").hidden = false; event.preventDefault(); } });
addEventListener("dragleave", (event) => { if (hasFiles(event) && !(dragged = Math.max(0, dragged - 1))) at("drop").hidden = true; });
addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
addEventListener("drop", (event) => {
  dragged = 0;
  at("drop").hidden = true;
  if (!hasFiles(event)) return;
  event.preventDefault();
  take(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files ?? [])][0];
  if (file) { event.preventDefault(); take(file); }
});
addEventListener("keydown", pressed);
addEventListener("popstate", () => { const before = state; state = readAddress(); draw(before); });
at("query").addEventListener("input", typed);
at("query").addEventListener("keydown", (event) => { if (event.key === "Escape" && !at("query").value) at("query").blur(); });
at("search").addEventListener("submit", (event) => { event.preventDefault(); typed(); });
at("file").addEventListener("change", () => { take(at("file").files[0]); at("file").value = ""; });
at("chip").querySelector("button").addEventListener("click", () => go({ picture: 0 }));
at("kind").addEventListener("change", () => go({ kind: at("kind").value }));
at("more").addEventListener("click", () => { shown = Math.min(2 * shown, MOST); find(); });
at("toggle").addEventListener("click", () => at("toggle").setAttribute("aria-expanded", String(at("toggle").getAttribute("aria-expanded") !== "true")));
at("details").addEventListener("close", () => { if (state.product) go({ product: "" }); });
at("details").addEventListener("click", (event) => { if (event.target === at("details")) at("details").close(); });
document.querySelector(".brand").addEventListener("click", (event) => {
  if (isPlain(event)) { event.preventDefault(); go({ q: "", class: "", like: "", product: "", picture: 0, kind: "products" }); }
});

async function begin() {
  clearTimeout(waiting);
  restore();
  state = readAddress();
  try {
    classes = (await ask("/classes")).classes;
  } catch (error) {
    return showError(error);
  }
  const written = at("query").value; // while the page was loading
  draw();
  if (written.trim() && written.trim() !== state.q) {
    at("query").value = written;
    typed();
  }
}
begin();
