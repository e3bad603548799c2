/** Shorter texts are always copied; V8 lets longer ones cut from a text share it. */
const LONGEST_COPIED = 12;

/**
 * The same text on its own: one that was cut from a larger text (a chunk of a stream) would keep all of that in memory
 * for as long as it lives. For what is remembered.
 */
export const ownText = <Text extends string>(text: Text): Text =>
  text.length <= LONGEST_COPIED ? text : (Buffer.from(text, "utf16le").toString("utf16le") as Text);
