"use strict";

// Names come from a catalogue: the tooltip writes them as text, and takes no picture but those of this page.
function tooltip(value, sanitize) {
  const rows = [];
  let picture = "";
  for (const [key, content] of Object.entries(value)) {
    const text = String(content);
    if (key === "thumbnail") {
      if (/^data:image\/webp;base64,[A-Za-z0-9+/=]+$/.test(text)) picture = `<img alt="" src="${text}">`;
    } else {
      rows.push(`<tr><th>${sanitize(key)}</th><td dir="auto">${sanitize(text)}</td></tr>`);
    }
  }
  return `${picture}<table>${rows.join("")}</table>`;
}

const specs = JSON.parse(document.getElementById("charts").textContent);
const options = {
  renderer: "svg",
  actions: false,
  tooltip: { formatTooltip: tooltip, disableDefaultStyle: true, theme: "page" },
};
for (const place of document.querySelectorAll("[data-chart]")) {
  vegaEmbed(place, specs[place.dataset.chart], options)
    .then(() => { place.dataset.drawn = "true"; })
    .catch((error) => {
      place.textContent = "This chart could not be drawn.";
      console.error(place.dataset.chart, error);
    });
}

// Of what can be chosen, one is shown; without this program all are.
function choose(name) {
  const chosen = document.querySelector(`input[name="${name}"]:checked`);
  for (const one of document.querySelectorAll(`[data-choice="${name}"]`)) {
    one.classList.toggle("unchosen", one.dataset.value !== chosen.value);
  }
}
for (const field of document.querySelectorAll(".choice input")) {
  field.addEventListener("change", () => choose(field.name));
  if (field.checked) choose(field.name);
}

// A browser that opens what a link leads into has done so already; for others, and for charts of no width.
function reveal() {
  const target = document.getElementById(location.hash.slice(1));
  if (!target?.closest("details:not([open])")) return;
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  target.scrollIntoView();
}
window.addEventListener("hashchange", reveal);
document.addEventListener("toggle", () => window.dispatchEvent(new Event("resize")), true);
reveal();

// Paper cannot be opened.
const closed = [];
window.addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details:not([open])")) {
    one.open = true;
    closed.push(one);
  }
});
window.addEventListener("afterprint", () => {
  for (const one of closed.splice(0)) one.open = false;
});
