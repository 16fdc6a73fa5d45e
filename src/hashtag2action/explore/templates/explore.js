"use strict";
// Keys, short addresses and a video that plays its clip again; every page works without.
const follow = (kind) => { const link = document.querySelector(`a[rel="${kind}"]`); if (link) link.click(); };

document.documentElement.classList.add("scripted");

// A verdict in the grid leaves the page where it is.
const judge = async (form, answer) => {
  const body = new URLSearchParams(new FormData(form));
  body.set("answer", answer);
  const reply = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } }).catch(() => null);
  if (!reply || !reply.ok) { form.querySelector("button").setCustomValidity("Not saved: load the page again."); form.reportValidity(); return; }
  const { answer: said } = await reply.json();
  for (const button of form.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.value === said));
};
for (const form of document.querySelectorAll(".grid form.judge")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const pressed = event.submitter.getAttribute("aria-pressed") === "true";
    judge(form, pressed ? "none" : event.submitter.value);
  });
}

const cards = [...document.querySelectorAll(".grid .card")];
const step = (by) => {
  const at = cards.indexOf(document.activeElement.closest(".grid .card"));
  const card = cards[at < 0 ? 0 : at + by];
  if (card) card.querySelector(".look").focus();
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, video")) return;
  const answer = { y: "yes", n: "no", u: "unsure", z: "undo" }[event.key];
  const place = cards.length ? document.activeElement.closest(".grid .card") : document.querySelector(".asked");
  const button = answer && place && place.querySelector(`button[value="${answer}"]`);
  if (button) {
    event.preventDefault();
    button.click();
    if (cards.length) step(1);
  } else if (cards.length && (event.key === "j" || event.key === "k")) {
    step(event.key === "j" ? 1 : -1);
  } else {
    const kind = { j: "next", ArrowRight: "next", k: "prev", ArrowLeft: "prev", Escape: "up" }[event.key];
    if (kind) follow(kind);
  }
});

const video = document.querySelector("video[data-start]");
if (video) {
  const start = Number(video.dataset.start), end = Number(video.dataset.end);
  const again = () => { video.currentTime = start; video.play().catch(() => {}); };
  video.addEventListener("timeupdate", () => { if (video.currentTime >= end || video.currentTime < start - 0.5) again(); });
  video.addEventListener("pause", () => { if (video.currentTime >= end - 0.05) again(); });
  video.addEventListener("ended", again);
  video.addEventListener("loadedmetadata", again, { once: true });
  video.addEventListener("error", () => {
    const said = document.createElement("p");
    said.className = "message";
    said.textContent = "This browser cannot play the video; its frames are beside it.";
    video.replaceWith(said);
  });
}

const form = document.querySelector("form.ask");
if (form) {
  form.addEventListener("submit", () => { for (const input of form.querySelectorAll("input")) if (!input.value) input.disabled = true; });
  for (const select of form.querySelectorAll("select")) select.addEventListener("change", () => form.requestSubmit());
  addEventListener("pageshow", () => { for (const input of form.querySelectorAll("input")) input.disabled = false; });
}
