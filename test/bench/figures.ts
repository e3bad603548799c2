/** A promise: the value may not be above, or not below. */
export type Bound = { readonly atMost: number } | { readonly atLeast: number };

/** One measured figure. `note` says what exactly was measured, `samples` are the single measurements behind the value. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly bound: Bound;
  readonly note: string;
  readonly samples?: readonly number[];
}

/** One part of the bench: yields its figures as they are measured. */
export type Bench = () => AsyncIterable<Figure>;

/** True when the promise is kept. */
export const isKept = ({ value, bound }: Figure): boolean =>
  "atMost" in bound ? value <= bound.atMost : value >= bound.atLeast;

const rounded = (value: number): number => Number(value.toPrecision(4));

/** The figure as one line of JSON. */
export function encodeFigure(figure: Figure): string {
  const { name, value, unit, bound } = figure;
  return JSON.stringify({
    name,
    value: rounded(value),
    unit,
    bound: "atMost" in bound ? bound.atMost : bound.atLeast,
    ok: isKept(figure),
  });
}

/** The figure as one line of a table, its note below. */
export function drawFigure(figure: Figure): string {
  const { name, value, unit, bound, note, samples = [] } = figure;
  const limit = "atMost" in bound ? `at most ${bound.atMost}` : `at least ${bound.atLeast}`;
  const range =
    samples.length > 1
      ? `  (${samples.length} samples: ${rounded(Math.min(...samples))} to ${rounded(Math.max(...samples))})`
      : "";
  const verdict = isKept(figure) ? "ok    " : "FAILED";
  const number = String(rounded(value)).padStart(8);
  return `${verdict} ${name.padEnd(28)}${number} ${unit.padEnd(6)} ${limit.padEnd(12)}${range}\n         ${note}`;
}

/** The value that this part (0 to 1) of the samples does not exceed: nearest rank. */
export function percentile(samples: readonly number[], part: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)];
  if (value === undefined) throw new Error("nothing was measured");
  return value;
}

/** The middle of the samples. */
export const median = (samples: readonly number[]): number => percentile(samples, 0.5);
