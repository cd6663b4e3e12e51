const SIDE = 280, PEN = 26, FURTHEST = 10;  // of the field; of its pen; of 28, in each direction
const ARROWS = {ArrowUp: ["up", 0, -1], ArrowLeft: ["left", -1, 0], ArrowRight: ["right", 1, 0],
                ArrowDown: ["down", 0, 1]};

function live({networks, examples, labels, mean, std}) {
  const images = bytes(examples), panels = networks.map(panel);
  let strokes = [], pen = null, example = -1, shown = false, right = 0, down = 0, waits = false;

  const field = make("canvas", {class: "ckm-field", width: SIDE, height: SIDE,
    role: "img", "aria-label": "Field to draw a digit on, with a mouse, a pen or a finger"});
  const seen = make("canvas", {class: "ckm-seen", width: 28, height: 28, role: "img"});
  const note = make("p", {class: "ckm-note"});
  const answer = make("p", {class: "ckm-answer", role: "status"});

  function moveTo(x, y) {
    right = Math.max(-FURTHEST, Math.min(FURTHEST, x));
    down = Math.max(-FURTHEST, Math.min(FURTHEST, y));
    later();
  }

  function clear() {
    strokes = []; shown = false; pen = null;
    moveTo(0, 0);
  }

  function next() {
    clear();
    example = (example + 1) % labels.length;
    shown = true;
  }

  const point = event => {
    const box = field.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top].map(far => far * SIDE / box.width);
  };
  field.addEventListener("pointerdown", event => {
    if (event.button || pen !== null) return;
    event.preventDefault();
    if (shown) clear();
    field.setPointerCapture(pen = event.pointerId);
    strokes.push([point(event)]);
    moveTo(0, 0);
  });
  field.addEventListener("pointermove", event => {
    if (event.pointerId !== pen) return;
    // Pages without https, and older Safari, know only where the pen is now.
    strokes.at(-1).push(...[...event.getCoalescedEvents?.() ?? [], event].map(point));
    later();
  });
  field.addEventListener("lostpointercapture", () => { pen = null; });

  // Several events of one moment are one update.
  function later() {
    if (!waits) requestAnimationFrame(update);
    waits = true;
  }

  function update() {
    waits = false;
    const image = shown && images.subarray(784 * example, 784 * (example + 1));
    const base = image || fit(draw(field, strokes), SIDE);
    if (image) paint(field, image, 28, 28);
    const pixels = moved(base, right, down), drawn = pixels.some(Boolean);
    paint(seen, pixels, 28, 28);
    seen.setAttribute("aria-label", drawn ? "What the networks see" : "The networks see nothing");
    const ways = [[right, "right"], [-right, "left"], [down, "down"], [-down, "up"]];
    const far = ways.filter(([n]) => n > 0).map(([n, way]) => `${n} ${way}`).join(", ");
    const which = shown && `Test digit ${example + 1}, its label: ${labels[example]}.`;
    note.textContent = [which, far && `Moved: ${far}.`].filter(Boolean).join(" ");
    const said = panels.map(one => one.show(drawn && normalised(pixels)));
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

  const move = ([, x, y]) => moveTo(right + x, down + y);
  const arrows = Object.values(ARROWS).map(way => button("", () => move(way), {
    class: `ckm-${way[0]}`, "aria-label": `Move the digit ${way[0]} by one pixel`}));
  arrows.splice(2, 0, button("Centre", () => moveTo(0, 0), {class: "ckm-centre"}));
  const pad = make("div", {class: "ckm-pad", role: "group", "aria-label": "Move it"}, ...arrows);
  pad.addEventListener("keydown", event => {
    if (!(event.key in ARROWS)) return;
    event.preventDefault();
    move(ARROWS[event.key]);
  });

  const buttons = make("div", {class: "ckm-buttons"},
    button("Clear", clear), button("Next example", next));
  const hands = make("div", {class: "ckm-hands"},
    make("div", {}, make("p", {}, "Draw a digit"), field, buttons),
    make("div", {}, make("p", {}, "What the networks see"), seen, pad), note);
  const bars = make("div", {class: "ckm-panels"}, ...panels.map(one => one.bars));
  const run = (name, pixels) => panels.find(one => one.name === name).run(normalised(pixels));
  later();
  const board = make("div", {class: "ckm-board"}, hands, bars), maps = panels.map(one => one.maps);
  return {run, parts: [answer, board, ...maps.filter(Boolean)]};
}

// What one network answers: ten bars, and its first feature maps, where it has some.
function panel(network) {
  network = {...network, weights: new Float32Array(bytes(network.weights).buffer)};
  const rows = Array.from({length: 10}, (_, digit) => {
    const bar = make("span", {class: "ckm-bar"}), percent = make("span", {class: "ckm-percent"});
    const track = make("span", {class: "ckm-track"}, bar);
    return {bar, percent, row: make("div", {class: "ckm-row"}, `${digit}`, track, percent)};
  });
  const chart = make("div", {role: "img"}, ...rows.map(({row}) => row));
  const bars = make("div", {class: "ckm-panel"}, make("p", {},
    make("strong", {}, network.name),
    make("span", {}, `${network.parameters.toLocaleString("en")} parameters`)), chart);
  const [n, height, width] = network.maps === null ? [0] : network.steps[network.maps].shape;
  const sheets = Array.from({length: n}, () => make("canvas", {class: "ckm-map", width, height}));
  const what = `${network.name}, after its first convolution: ${n} maps of ${height}×${width}`;
  const maps = n && make("div", {}, make("p", {}, what), make("div", {
    class: "ckm-maps", role: "img", "aria-label": `Feature maps of ${network.name}`}, ...sheets));

  function show(x) {
    const {outputs, maps} = x ? forward(network, x) : {maps: new Float64Array(n * height * width)};
    const shares = x && probabilities(network, outputs);
    const best = x && shares.indexOf(Math.max(...shares));
    rows.forEach(({bar, percent, row}, digit) => {
      bar.style.width = x ? `${100 * shares[digit]}%` : "0";
      percent.textContent = x ? `${Math.round(100 * shares[digit])} %` : "";
      row.classList.toggle("ckm-best", x && digit === best);
    });
    const all = rows.map(({percent}, digit) => `${digit}: ${percent.textContent}`).join(", ");
    chart.setAttribute("aria-label", x ? all : "No probabilities yet");
    if (n) lay(sheets, maps);
    return x && `${network.name}: ${best} (${rows[best].percent.textContent}).`;
  }
  return {name: network.name, bars, maps, show, run: x => [...forward(network, x).outputs]};
}

// Feature maps on one scale, from the lowest value, black, to the highest, white.
function lay(sheets, values) {
  const low = values.reduce((a, b) => Math.min(a, b));
  const span = values.reduce((a, b) => Math.max(a, b)) - low || 1;
  const grey = Uint8ClampedArray.from(values, value => 255 * (value - low) / span);
  const area = values.length / sheets.length;
  sheets.forEach((sheet, k) => {
    paint(sheet, grey.subarray(k * area, (k + 1) * area), sheet.width, sheet.height);
  });
}

function button(text, act, attributes = {}) {
  const made = make("button", {type: "button", ...attributes}, text);
  made.addEventListener("click", act);
  return made;
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
  const {data} = context.getImageData(0, 0, SIDE, SIDE);
  return Uint8Array.from({length: SIDE * SIDE}, (_, i) => data[4 * i]);
}
