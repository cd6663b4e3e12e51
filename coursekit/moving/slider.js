function live({frames, labels, alts, name, start, size: [width, height]}) {
  const image = make("img", {width, height});
  const input = make("input", {
    type: "range", min: 0, max: frames.length - 1, value: start, autocomplete: "off"});
  const label = make("span", {class: "ckm-label"});
  // The longest label, unseen, keeps its place, so that nothing below moves.
  const longest = labels.reduce((a, b) => (b.length > a.length ? b : a));
  const room = make("span", {class: "ckm-label ckm-room", "aria-hidden": "true"}, longest);

  function show() {
    const i = Number(input.value);
    image.src = `data:image/png;base64,${frames[i]}`;
    image.alt = alts[i];
    label.textContent = labels[i];
    input.setAttribute("aria-valuetext", labels[i]);
  }

  input.addEventListener("input", show);
  show();
  const named = make("label", {class: "ckm-slider"}, make("span", {}, name), input);
  return {parts: [image, named, make("div", {class: "ckm-labels"}, room, label)]};
}
