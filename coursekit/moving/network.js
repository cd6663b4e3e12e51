// A network as steps_of wrote it down: {steps, weights, maps}. Its outputs keep 64 bits.
const compute = {
  linear(x, {shape: [n]}, take) {
    const weight = take(n * x.length), y = Float64Array.from(take(n));
    for (let o = 0, at = 0; o < n; o++)
      for (let i = 0; i < x.length; i++) y[o] += weight[at++] * x[i];
    return y;
  },

  conv2d(x, step, take) {
    const {of: [inputs], shape: [outputs, ...sides], kernel} = step, area = size(sides);
    const weight = take(outputs * inputs * size(kernel)), bias = take(outputs);
    const y = new Float64Array(outputs * area);
    for (let o = 0, at = 0; o < outputs; o++) {
      y.fill(bias[o], o * area, (o + 1) * area);
      for (let channel = 0; channel < inputs; channel++, at += size(kernel))
        under(step, channel, (from, to, k) => { y[o * area + to] += weight[at + k] * x[from]; });
    }
    return y;
  },

  max_pool2d(x, step) {
    const {shape: [channels, ...sides]} = step, area = size(sides);
    const y = new Float64Array(channels * area).fill(-Infinity);
    for (let channel = 0; channel < channels; channel++)
      under(step, channel, (from, to) => {
        to += channel * area;
        y[to] = Math.max(y[to], x[from]);
      });
    return y;
  },

  relu: x => x.map(value => Math.max(value, 0)),
  log_softmax(x) {
    const most = Math.max(...x);
    const sum = x.reduce((sum, value) => sum + Math.exp(value - most), 0);
    return x.map(value => value - most - Math.log(sum));
  },
  softmax: x => compute.log_softmax(x).map(Math.exp),
};

function size(sides) {
  return sides.reduce((product, side) => product * side, 1);
}

// Calls visit(from, to, k) for each place k of the kernel and each output pixel `to`, with the
// input pixel that lies under it; outside of the image there is none.
function under({of: [, high, wide], shape: [, height, width], ...step}, channel, visit) {
  const [rows, columns] = step.kernel;
  for (let k = 0; k < rows * columns; k++)
    for (let i = 0; i < height; i++) {
      const y = i * step.stride[0] + Math.floor(k / columns) - step.padding[0];
      if (y < 0 || y >= high) continue;
      for (let j = 0; j < width; j++) {
        const x = j * step.stride[1] + k % columns - step.padding[1];
        if (x >= 0 && x < wide) visit((channel * high + y) * wide + x, i * width + j, k);
      }
    }
}

// The outputs for normalised pixels, and the first feature maps, where the network has some.
function forward({steps, weights, maps}, x) {
  let used = 0, seen = null;
  const take = n => weights.subarray(used, used += n);
  steps.forEach((step, i) => {
    x = compute[step.op](x, step, take);
    if (i === maps) seen = x;
  });
  return {outputs: x, maps: seen};
}

function probabilities({steps}, outputs) {
  return steps.at(-1).op === "softmax" ? outputs : compute.softmax(outputs);
}
