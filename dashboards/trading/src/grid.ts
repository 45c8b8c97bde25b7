/** Round prices for the lines of a chart's grid. */

const STEPS = 5;

/**
 * A handful of prices between `low` and `high`, a round step of 1, 2 or 5 × a power of ten apart. No step is finer
 * than the prices' own `decimals`: two lines never carry the same label.
 */
export function gridPrices(low: number, high: number, decimals: number): number[] {
  if (high <= low) return [low];
  const step = roundStep((high - low) / STEPS, 10 ** -decimals);
  const lines: number[] = [];
  for (let i = Math.ceil(low / step); i * step <= high; i += 1) lines.push(i * step);
  return lines;
}

/** The smallest round step that is neither below `atLeast` nor below `finest`. */
function roundStep(atLeast: number, finest: number): number {
  const wanted = Math.max(atLeast, finest);
  const power = 10 ** Math.floor(Math.log10(wanted));
  // Powers of ten are not exact in binary: a hair too small is still the step that was meant.
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= wanted * (1 - 1e-9)) ?? 10;
  return factor * power;
}
