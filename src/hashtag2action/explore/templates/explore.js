"use strict";
// Keys, short addresses and a video that plays its clip again; every page works without.
const follow = (kind) => { const link = document.querySelector(`a[rel="${kind}"]`); if (link) link.click(); };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, video")) return;
  const kind = { j: "next", ArrowRight: "next", k: "prev", ArrowLeft: "prev", Escape: "up" }[event.key];
  if (kind) follow(kind);
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
