import type { PresentityId } from "../core/addresses.ts";

/** Scripts with letters that look alike. */
const SCRIPTS: readonly (readonly [name: string, letter: RegExp])[] = [
  ["Latin", /\p{Script=Latin}/u],
  ["Cyrillic", /\p{Script=Cyrillic}/u],
  ["Greek", /\p{Script=Greek}/u],
  ["Armenian", /\p{Script=Armenian}/u],
  ["Cherokee", /\p{Script=Cherokee}/u],
];

/** What to know of a JID that may only look like another (RFC 8264 12.5): `аlice` with a Cyrillic letter is not `alice`. */
export function jidWarnings(jid: PresentityId): readonly string[] {
  const mixed = jid.split(/[@.]/).flatMap((part) => {
    const names = SCRIPTS.filter(([, letter]) => letter.test(part)).map(([name]) => name);
    return names.length > 1 ? [`“${part}” in ${jid} has ${names.join(" and ")} letters`] : [];
  });
  return mixed.map((what) => `${what}: it may only look like another.`);
}
