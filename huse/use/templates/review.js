"use strict";

// Decisions stay in this browser, by the content of the page: another page does not see them.
const data = JSON.parse(document.getElementById("data").textContent);
const cases = [...document.querySelectorAll("article")];
const memory = `${data.file} ${hash(JSON.stringify(data))}`;
const filter = document.getElementById("filter");
const openOnly = document.getElementById("open-only");
const decided = load();

function hash(text) {
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) | 0;
  return sum;
}

function load() {
  try {
    return JSON.parse(localStorage.getItem(memory)) ?? {};
  } catch {
    return {}; // a browser that keeps nothing for files
  }
}

function keep() {
  try {
    localStorage.setItem(memory, JSON.stringify(decided));
  } catch {
    // The decisions are still on the page.
  }
}

function rowOf(field) {
  return field.name.slice("row-".length);
}

function update() {
  const words = filter.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  for (const one of cases) {
    const rows = [...one.querySelectorAll("fieldset")].map((set) => set.querySelector("input")).filter(Boolean).map(rowOf);
    const done = rows.length > 0 && rows.every((row) => row in decided);
    one.toggleAttribute("data-done", done);
    const text = one.textContent.toLocaleLowerCase();
    one.hidden = !words.every((word) => text.includes(word)) || (openOnly.checked && done);
  }
  const shown = cases.filter((one) => !one.hidden).length;
  const count = `${Object.keys(decided).length} of ${data.rows.length} decided`;
  document.getElementById("count").textContent = shown < cases.length ? `${count}, ${shown} of ${cases.length} shown` : count;
}

function cell(text) {
  const value = String(text);
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

function table() {
  const lines = [[...data.columns, "decision"]];
  data.rows.forEach((row, number) => {
    if (!(number in decided)) return;
    const [label, changed] = row.choices[decided[number]];
    const cells = { ...row.cells, ...changed };
    lines.push([...data.columns.map((column) => cells[column] ?? ""), label]);
  });
  return lines.map((line) => line.map(cell).join(",")).join("\r\n") + "\r\n";
}

for (const field of document.querySelectorAll("fieldset input")) {
  if (decided[rowOf(field)] === Number(field.value)) field.checked = true;
  field.addEventListener("change", () => {
    decided[rowOf(field)] = Number(field.value);
    keep();
    update();
  });
}
filter.addEventListener("input", update);
openOnly.addEventListener("change", update);
document.getElementById("export").addEventListener("click", () => {
  const link = document.createElement("a");
  // The mark at the start tells spreadsheets that this is UTF-8.
  link.href = URL.createObjectURL(new Blob(["\ufeff", table()], { type: "text/csv" }));
  link.download = data.file;
  link.click();
  URL.revokeObjectURL(link.href);
});
update();
