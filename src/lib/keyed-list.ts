/**
 * Small lists that are replaced and never changed, in which the property `Key` tells the elements apart. For the handful
 * that each of a hundred thousand people has a list takes a fifth of the memory of a Map.
 */

/** The one list of nothing. */
export const NONE: readonly never[] = Object.freeze([]);

/** The element with this key. */
export function findKeyed<Key extends string, Item extends Readonly<Record<Key, string>>>(
  list: readonly Item[],
  key: Key,
  value: string,
): Item | undefined {
  for (const item of list) if (item[key] === value) return item;
  return undefined;
}

/** The list with the item instead of the one with its key; a new key comes last. */
export function withKeyed<Key extends string, Item extends Readonly<Record<Key, string>>>(
  list: readonly Item[],
  key: Key,
  item: Item,
): readonly Item[] {
  const index = list.findIndex((each) => each[key] === item[key]);
  // Not `[...list, item]`: that keeps room for another sixteen.
  return index < 0 ? list.concat([item]) : list.with(index, item);
}

/** The list without the element with this key; the same list when there is none. */
export function withoutKeyed<Key extends string, Item extends Readonly<Record<Key, string>>>(
  list: readonly Item[],
  key: Key,
  value: string,
): readonly Item[] {
  if (!findKeyed(list, key, value)) return list;
  return list.length === 1 ? NONE : list.filter((each) => each[key] !== value);
}
