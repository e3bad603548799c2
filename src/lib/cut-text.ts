/** The text, or as much of its beginning as is allowed in UTF-16 units; a surrogate pair is never cut in two. */
export const cutText = (text: string, longest: number): string =>
  text.length <= longest ? text : text.slice(0, longest).replace(/[\uD800-\uDBFF]$/, "");
