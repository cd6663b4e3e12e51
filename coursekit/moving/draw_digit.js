const SIDE = 280, PEN = 26, FURTHEST = 10;  // pixels of the field; pixels of 28

function live({networks, examples, labels, mean, std}) {
  const images = bytes(examples);
  const panels = networks.map(network => panel({
    ...network, weights: new Float32Array(bytes(network.weights).buffer)}));
  let strokes = [], pen = null, example = -1, shown = false, right = 0, down = 0, waits = false;

  const field = canvas("ckm-field", SIDE, SIDE, {
    role: "img", "aria-label": "Field to draw a digit on, with a mouse, a pen or a finger"});
  const seen = canvas("ckm-seen", 28, 28, {role: "img"});
  const note = make("p", {class: "ckm-note"});
  const answer = make("p", {class: "ckm-answer", role: "status"});

  function clear() {
    strokes = []; shown = false; right = down = 0;
    later();
  }

  function next() {
    clear();
    example = (example + 1) % labels.length;
    shown = true;
  }

  function move(x, y) {
    right = Math.max(-FURTHEST, Math.min(FURTHEST, right + x));
    down = Math.max(-FURTHEST, Math.min(FURTHEST, down + y));
    later();
  }

  function centre() {
    right = down = 0;
    later();
  }

  const point = event => {
    const box = field.getBoundingClientRect();
    return [(event.clientX - box.left) * SIDE / box.width,
            (event.clientY - box.top) * SIDE / box.height];
  };
  field.addEventListener("pointerdown", event => {
    if (event.button || pen !== null) return;
    event.preventDefault();
    field.setPointerCapture(pen = event.pointerId);
    if (shown) strokes = [];
    shown = false; right = down = 0;
    strokes.push([point(event)]);
    later();
  });
  field.addEventListener("pointermove", event => {
    if (event.pointerId !== pen) return;
    strokes.at(-1).push(...[...event.getCoalescedEvents(), event].map(point));
    later();
  });
  for (const kind of ["pointerup", "pointercancel"])
    field.addEventListener(kind, event => { if (event.pointerId === pen) pen = null; });

  // Several events of one moment are one update.
  function later() {
    if (!waits) requestAnimationFrame(update);
    waits = true;
  }

  function update() {
    waits = false;
    const image = shown ? images.subarray(784 * example, 784 * (example + 1)) : null;
    const base = image ?? fit(draw(field, strokes), SIDE);
    if (image) paint(field, image, 28, 28);
    const pixels = moved(base, right, down);
    paint(seen, pixels, 28, 28);
    const what = shown ? `Test digit ${example + 1} of ${labels.length}: a ${labels[example]}` : "";
    const where = [[right, "right"], [-right, "left"], [down, "down"], [-down, "up"]]
      .filter(([n]) => n > 0).map(([n, side]) => `${n} ${side}`).join(", ");
    note.textContent = [what, where && `moved ${where}`].filter(Boolean).join(", ");
    const drawn = pixels.some(Boolean);
    seen.setAttribute("aria-label", drawn ? "What the networks see" : "The networks see nothing");
    const said = panels.map(one => one.show(drawn ? normalised(pixels) : null));
    say(drawn ? said.join(" ") : "Nothing is drawn yet.");
  }

  const normalised = pixels => Float64Array.from(pixels, value => (value / 255 - mean) / std);

  // A screen reader is told once a second at most, and always the last.
  let words = "", told = 0, timer = null;
  function say(text) {
    words = text;
    timer ??= setTimeout(() => {
      timer = null; told = Date.now();
      if (answer.textContent !== words) answer.textContent = words;
    }, Math.max(0, told + 1000 - Date.now()));
  }

  const arrow = (sign, key, name, x, y) => button(
    sign, () => move(x, y), {"aria-label": `Move the digit ${name} by one pixel`, class: key});
  const steps = {
    ArrowUp: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, 1]};
  const pad = make("div", {
    class: "ckm-pad", role: "group", "aria-label": "Move the digit: the arrow keys do, too"},
    arrow("↑", "ckm-up", "up", 0, -1), arrow("←", "ckm-left", "left", -1, 0),
    button("Centre", centre, {class: "ckm-centre"}), arrow("→", "ckm-right", "right", 1, 0),
    arrow("↓", "ckm-down", "down", 0, 1));
  pad.addEventListener("keydown", event => {
    if (!(event.key in steps)) return;
    event.preventDefault();
    move(...steps[event.key]);
  });

  const drawing = make("div", {class: "ckm-part"}, make("p", {}, "Draw a digit"), field,
    make("div", {class: "ckm-buttons"}, button("Clear", clear), button("Next example", next)));
  const input = make("div", {class: "ckm-part"},
    make("p", {}, "What the networks see"), seen, pad);
  later();
  const run = (name, pixels) => [...forward(
    panels.find(one => one.network.name === name).network, normalised(pixels)).outputs];
  const bars = make("div", {class: "ckm-panels"}, ...panels.map(one => one.bars));
  const maps = panels.map(one => one.maps).filter(Boolean);
  return {run, parts: [answer, make("div", {class: "ckm-board"},
    make("div", {class: "ckm-hands"}, drawing, input, note), bars), ...maps]};
}

// What one network answers: ten bars, and its first feature maps, where it has some.
function panel(network) {
  const rows = Array.from({length: 10}, (_, digit) => {
    const bar = make("span", {class: "ckm-bar"}), percent = make("span", {class: "ckm-percent"});
    const track = make("span", {class: "ckm-track"}, bar);
    return {bar, percent, row: make("div", {class: "ckm-row"}, `${digit}`, track, percent)};
  });
  const chart = make("div", {role: "img"}, ...rows.map(({row}) => row));
  const size = `${network.parameters.toLocaleString("en")} parameters`;
  const bars = make("div", {class: "ckm-panel"},
    make("p", {}, make("strong", {}, network.name), make("span", {}, size)), chart);
  const [count, height, width] = network.maps === null ? [0] : network.steps[network.maps].shape;
  const sheets = Array.from({length: count}, () => canvas("ckm-map", width, height));
  const what = `${network.name}, after its first convolution: ${count} maps of ${height}×${width}`;
  const maps = count && make("div", {class: "ckm-part"}, make("p", {}, what),
    make("div", {class: "ckm-maps", role: "img", "aria-label": "Feature maps"}, ...sheets));

  function show(x) {
    const answer = x && forward(network, x);
    const shares = answer && probabilities(network, answer.outputs);
    const best = shares && shares.indexOf(Math.max(...shares));
    const texts = rows.map(({bar, percent, row}, digit) => {
      const text = shares ? `${Math.round(100 * shares[digit])} %` : "";
      bar.style.width = shares ? `${100 * shares[digit]}%` : "0";
      row.classList.toggle("ckm-best", digit === best);
      return percent.textContent = text;
    });
    const list = texts.map((text, digit) => `${digit}: ${text}`).join(", ");
    chart.setAttribute("aria-label", shares ? list : "No bars yet");
    lay(sheets, answer?.maps ?? {values: new Float64Array(count * height * width)});
    return shares && `${network.name}: ${best} (${texts[best]}).`;
  }
  return {network, bars, maps, show};
}

// Feature maps on one scale, from the lowest value, black, to the highest, white.
function lay(sheets, {values}) {
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const span = values.reduce((a, b) => Math.max(a, b), low) - low || 1;
  const pixels = Uint8ClampedArray.from(values, value => 255 * (value - low) / span);
  sheets.forEach((sheet, k) => {
    const area = sheet.width * sheet.height;
    paint(sheet, pixels.subarray(k * area, (k + 1) * area), sheet.width, sheet.height);
  });
}

function button(text, act, attributes = {}) {
  const made = make("button", {type: "button", ...attributes}, text);
  made.addEventListener("click", act);
  return made;
}

function canvas(kind, width, height, named = {}) {
  return make("canvas", {class: kind, width, height, ...named});
}

// Grey pixels on the whole of a canvas.
function paint(canvas, pixels, width, height) {
  const small = make("canvas", {width, height}), image = new ImageData(width, height);
  pixels.forEach((value, i) => image.data.set([value, value, value, 255], 4 * i));
  small.getContext("2d").putImageData(image, 0, 0);
  const context = canvas.getContext("2d", {willReadFrequently: true});
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}

// Draws the strokes with a soft round pen, white on black, and gives the brightnesses.
function draw(field, strokes) {
  const context = field.getContext("2d", {willReadFrequently: true});
  context.fillRect(0, 0, SIDE, SIDE);
  Object.assign(context, {strokeStyle: "white", lineWidth: PEN, lineCap: "round"});
  Object.assign(context, {lineJoin: "round", shadowColor: "white", shadowBlur: 4});
  context.beginPath();
  for (const [start, ...others] of strokes) {
    context.moveTo(...start);
    for (const point of others.length ? others : [start]) context.lineTo(...point);
  }
  context.stroke();
  context.shadowBlur = 0;
  const {data} = context.getImageData(0, 0, SIDE, SIDE);
  return Uint8Array.from({length: SIDE * SIDE}, (_, i) => data[4 * i]);
}
