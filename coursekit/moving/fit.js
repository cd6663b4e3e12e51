// As MNIST was made (LeCun et al. 1998): the drawing, in its proportions, fills a box of 20×20, and
// its centre of mass lies in the middle of pixel 14, counted from 0. A pixel is the mean of what it covers.
// ink: side×side brightnesses 0 … 255. Gives 784 of them, all 0 where nothing is drawn.
function fit(ink, side) {
  let mass = 0, x = 0, y = 0, left = side, right = 0, top = side, bottom = 0;
  ink.forEach((value, i) => {
    if (!value) return;
    const column = i % side, row = (i - column) / side;
    mass += value; x += value * (column + 0.5); y += value * (row + 0.5);
    left = Math.min(left, column); right = Math.max(right, column + 1);
    top = Math.min(top, row); bottom = Math.max(bottom, row + 1);
  });
  const pixels = new Uint8ClampedArray(784);
  if (!mass) return pixels;
  const scale = Math.max(right - left, bottom - top) / 20;
  const rows = covered(y / mass, scale, side), columns = covered(x / mass, scale, side);
  rows.forEach((inRow, i) => columns.forEach((inColumn, j) => {
    let sum = 0;
    for (const [row, high] of inRow)
      for (const [column, wide] of inColumn) sum += high * wide * ink[row * side + column];
    pixels[28 * i + j] = sum / scale ** 2;
  }));
  return pixels;
}

// For each of 28 pixels along one side: which drawn pixels it covers, and how much of each. The
// middle of MNIST's digits is the middle of the pixel 14, counted from 0.
function covered(centre, scale, side) {
  return Array.from({length: 28}, (_, k) => {
    const begin = centre + (k - 14.5) * scale, end = begin + scale, parts = [];
    for (let i = Math.max(0, Math.floor(begin)); i < Math.min(side, end); i++)
      parts.push([i, Math.min(i + 1, end) - Math.max(i, begin)]);
    return parts;
  });
}

// The pixels, moved to the right and down; what comes in from outside is black.
function moved(pixels, right, down) {
  return pixels.map((_, i) => {
    const x = i % 28 - right, y = Math.floor(i / 28) - down;
    return x >= 0 && x < 28 && y >= 0 && y < 28 ? pixels[28 * y + x] : 0;
  });
}
