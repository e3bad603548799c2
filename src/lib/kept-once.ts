import { Memo } from "./memo.ts";

/** A function that gives of equal texts the same one, so that what thousands of rows repeat is in memory once. */
export function keptOnce(): (text: string) => string {
  const known = new Memo<string>();
  return (text) => known.get(text, () => text);
}
