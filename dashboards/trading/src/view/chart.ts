/** Lines on a canvas: the sparkline of a row and the chart of the details. */

import { BUCKET_MS, type Point } from "../history";

export interface Palette {
  up: string;
  down: string;
  flat: string;
  grid: string;
  text: string;
}

let palette: Palette | null = null;

/** The colours of the style sheet in force; read once for each colour scheme. */
export function currentPalette(): Palette {
  if (palette !== null) return palette;
  const style = getComputedStyle(document.documentElement);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  palette = { up: read("--up"), down: read("--down"), flat: read("--muted"), grid: read("--line"), text: read("--muted") };
  return palette;
}

export function forgetPalette(): void {
  palette = null;
}

/** A canvas of a given size in CSS pixels, sharp on dense screens. */
export function prepare(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const density = Math.min(window.devicePixelRatio || 1, 3);
  const [pixelsWide, pixelsHigh] = [Math.round(width * density), Math.round(height * density)];
  if (canvas.width !== pixelsWide || canvas.height !== pixelsHigh) {
    canvas.width = pixelsWide;
    canvas.height = pixelsHigh;
  }
  const context = canvas.getContext("2d");
  context?.setTransform(density, 0, 0, density, 0, 0);
  context?.clearRect(0, 0, width, height);
  return context;
}

export interface Frame {
  left: number;
  top: number;
  width: number;
  height: number;
  fromMs: number;
  toMs: number;
  low: number;
  high: number;
}

export function xOf(frame: Frame, atMs: number): number {
  return frame.left + ((atMs - frame.fromMs) / (frame.toMs - frame.fromMs)) * frame.width;
}

export function yOf(frame: Frame, price: number): number {
  const span = frame.high - frame.low;
  return span === 0 ? frame.top + frame.height / 2 : frame.top + ((frame.high - price) / span) * frame.height;
}

/** The line as steps: a price holds until the next one. The last one holds until now. */
export function stepLine(context: CanvasRenderingContext2D, frame: Frame, points: readonly Point[]): void {
  context.beginPath();
  let y = 0;
  points.forEach((point, i) => {
    const x = xOf(frame, Math.max(point.atMs, frame.fromMs));
    if (i === 0) context.moveTo(x, yOf(frame, point.price));
    else context.lineTo(x, y);
    y = yOf(frame, point.price);
    context.lineTo(x, y);
  });
  context.lineTo(frame.left + frame.width, y);
}

/** Closes the current line downwards and fills it faintly. */
export function fillBelow(context: CanvasRenderingContext2D, frame: Frame, firstX: number, colour: string): void {
  context.lineTo(frame.left + frame.width, frame.top + frame.height);
  context.lineTo(firstX, frame.top + frame.height);
  context.closePath();
  context.globalAlpha = 0.14;
  context.fillStyle = colour;
  context.fill();
  context.globalAlpha = 1;
}

export function extent(points: readonly Point[]): { low: number; high: number } {
  let [low, high] = [Infinity, -Infinity];
  for (const { price } of points) {
    low = Math.min(low, price);
    high = Math.max(high, price);
  }
  return { low, high };
}

export const SPARK_WIDTH = 104;
export const SPARK_HEIGHT = 22;
const SPARK_WINDOW_MS = 120_000;
/** A page just opened draws what it has over the whole width, not as a speck at the right. */
const SPARK_LEAST_MS = 20_000;

/** Two minutes; the colour tells which way the price went in them. */
export function drawSparkline(canvas: HTMLCanvasElement, points: readonly Point[], nowMs: number): void {
  const context = prepare(canvas, SPARK_WIDTH, SPARK_HEIGHT);
  const [first, last] = [points[0], points.at(-1)];
  if (context === null || first === undefined || last === undefined) return;
  const shownMs = Math.min(Math.max(nowMs - first.atMs, SPARK_LEAST_MS), SPARK_WINDOW_MS);
  const frame: Frame = {
    left: 1, top: 3, width: SPARK_WIDTH - 4, height: SPARK_HEIGHT - 6,
    fromMs: nowMs - shownMs, toMs: nowMs + BUCKET_MS, ...extent(points),
  };
  const colours = currentPalette();
  const colour = last.price > first.price ? colours.up : last.price < first.price ? colours.down : colours.flat;
  context.lineWidth = 1.25;
  context.lineJoin = "round";
  context.strokeStyle = colour;
  stepLine(context, frame, points);
  context.stroke();
  fillBelow(context, frame, xOf(frame, Math.max(first.atMs, frame.fromMs)), colour);
  context.beginPath();
  context.arc(frame.left + frame.width, yOf(frame, last.price), 1.8, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
}

/** The points that `drawSparkline` wants. */
export const sparkWindowMs = SPARK_WINDOW_MS;
