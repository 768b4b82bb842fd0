"use strict";
const form = document.getElementById("reading");
const kept = "qdpi-blind-" + form.dataset.reading;
const pairs = new Set([...form.elements].filter((one) => one.type === "radio").map((one) => one.name));
const choices = () => Object.fromEntries([...new FormData(form)].map(([pair, choice]) => [pair, String(choice)]));
const count = () => {
  const done = Object.keys(choices()).length;
  document.getElementById("count").textContent = `${done} of ${pairs.size} chosen`;
};
try {
  for (const [pair, choice] of Object.entries(JSON.parse(localStorage.getItem(kept) || "{}"))) {
    if (pairs.has(pair)) form.elements[pair].value = choice;
  }
} catch {
  localStorage.removeItem(kept); // what was kept is not ours: begin anew
}
count();
form.addEventListener("change", () => {
  localStorage.setItem(kept, JSON.stringify(choices()));
  count();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const tally = { version: Number(form.dataset.version), reading: form.dataset.reading, choices: choices() };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(tally, null, 2) + "\n"], { type: "application/json" }));
  link.download = `tally-${form.dataset.reading}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
});
