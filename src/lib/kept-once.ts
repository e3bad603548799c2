/** Beyond this many different texts none is remembered. */
const MOST = 1000;

/** A function that gives of equal texts always the same one, so that what thousands of rows repeat is in memory once. */
export function keptOnce(): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const first = known.get(text);
    if (first === undefined && known.size < MOST) known.set(text, text);
    return first ?? text;
  };
}
