// Brings to life each figure of this content that is not alive yet: a page may show it twice.
// Until all of it is made, the still picture stays.
function wake(mark, data, live) {
  for (const figure of document.querySelectorAll(`figure[data-coursekit="${mark}"]`)) {
    if (figure.coursekit) continue;
    const {parts, ...commands} = live(data);
    const title = data.title ? [make("figcaption", {class: "ckm-title"}, data.title)] : [];
    figure.replaceChildren(make("style", {}, data.style), ...title, ...parts);
    // JupyterLab's own shortcuts: an arrow would go to the next cell, "d d" delete this one.
    for (const control of figure.querySelectorAll("button, input"))
      control.setAttribute("data-lm-suppress-shortcuts", "true");
    figure.coursekit = commands;
  }
}

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function bytes(base64) {
  return Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
}
