// Small comforts; every page works without them.
"use strict";

// A refused form, or hints about a text: take keyboard and screen reader there.
const told = document.getElementById("erreur") || document.querySelector(".hints");
if (told) told.focus();

// Ticking an offer chooses "Proposer une aide".
for (const box of document.querySelectorAll('input[name="offers"]')) {
  box.addEventListener("change", () => {
    const offer = document.querySelector('input[name="kind"][value="offer"]');
    if (box.checked && offer) offer.checked = true;
  });
}

// The same list, by the team's printer.
const print = document.querySelector("[data-print]");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}

// Drafts: kept in this tab alone until they are sent or one signs out, never on the disk of a
// shared computer. They outlive a session that ended by itself, for the same person only.
const sent = sessionStorage.getItem("envoi");
sessionStorage.removeItem("envoi");
const login = document.body.dataset.login;
const drafts = `brouillon:${login}:`;
if (login) {
  for (const key of Object.keys(sessionStorage)) {
    if (!key.startsWith(drafts)) sessionStorage.removeItem(key);
  }
}

function fieldsOf(form) {
  return [...form.elements].filter((field) => field.name && field.type !== "hidden");
}

function keep(form) {
  const draft = fieldsOf(form).map((field) =>
    field.type === "checkbox" || field.type === "radio" ? field.checked : field.value);
  sessionStorage.setItem(drafts + form.dataset.draft, JSON.stringify(draft));
}

function giveBack(form) {
  const kept = sessionStorage.getItem(drafts + form.dataset.draft);
  if (!kept || document.getElementById("erreur") || form.querySelector(".hints")) return;
  const draft = JSON.parse(kept);
  const fields = fieldsOf(form);
  if (draft.length !== fields.length) return;
  fields.forEach((field, n) => {
    if (field.type === "checkbox" || field.type === "radio") field.checked = draft[n];
    else field.value = draft[n];
  });
}

// A form that was sent and not refused leads back here: its draft is done with. Where no form
// is shown (a colleague holds the situation, the person contests it), the draft waits.
if (sent && performance.getEntriesByType("navigation")[0]?.redirectCount) sessionStorage.removeItem(sent);

for (const form of document.querySelectorAll("form[data-draft]")) {
  giveBack(form);
  form.addEventListener("input", () => keep(form));
  form.addEventListener("change", () => keep(form));
  form.addEventListener("submit", () => sessionStorage.setItem("envoi", drafts + form.dataset.draft));
}
for (const form of document.querySelectorAll('form[action="/logout"]')) {
  form.addEventListener("submit", () => sessionStorage.clear());
}

// Keys, where no field is being typed in. `?` lists them.
const card = document.getElementById("touches");
const places = { q: "/queue", p: "/people", h: "/help" };
let leading = false;

// Single letters can be switched off, for those who dictate or rest a hand on the keyboard;
// that choice is all this device keeps.
const switched = document.getElementById("touches-actives");
const off = "touches-coupees";
if (switched) {
  switched.checked = !localStorage.getItem(off);
  switched.addEventListener("change", () =>
    switched.checked ? localStorage.removeItem(off) : localStorage.setItem(off, "oui"));
}

function typing(target) {
  return target.matches("input:not([type=checkbox]):not([type=radio]), textarea, select");
}

function lines() {
  return [...document.querySelectorAll("[data-list] > li .name a")];
}

function step(by) {
  const all = lines();
  if (!all.length) return;
  const at = all.indexOf(document.activeElement);
  all[Math.max(0, Math.min(all.length - 1, at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by))].focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || typing(event.target)) return;
  if (leading) {
    leading = false;
    if (places[event.key]) location.assign(places[event.key]);
    return;
  }
  if (event.key === "?" && card) card.open ? card.close() : card.showModal();
  else if ((card && card.open) || localStorage.getItem(off)) return;
  else if (event.key === "g") leading = true;
  else if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else if (event.key === "o" && lines().includes(document.activeElement)) document.activeElement.click();
  else if (event.key === "d") document.getElementById("danger-titre")?.closest("section").querySelector("button, a")?.focus();
  else if (event.key === "/") document.querySelector(".lists a")?.focus();
  else if (event.key === "n") document.querySelector("main .step form :is(input:not([type=hidden]), .button)")?.focus();
  else return;
  event.preventDefault();
});
