// Small comforts; every page works without them.
"use strict";

// A refused form: take keyboard and screen reader to what is missing.
const summary = document.getElementById("erreur");
if (summary) summary.focus();

// Ticking an offer chooses "Proposer une aide".
for (const box of document.querySelectorAll('input[name="offers"]')) {
  box.addEventListener("change", () => {
    const offer = document.querySelector('input[name="kind"][value="offer"]');
    if (box.checked && offer) offer.checked = true;
  });
}
