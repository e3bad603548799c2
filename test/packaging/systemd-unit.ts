import { readFileSync } from "node:fs";

/** The unit as it is shipped. */
export const UNIT = new URL("../../packaging/systemd/presence-gateway.service", import.meta.url);

/** Settings of a unit file by `Section.Key`, each with all its values in order (systemd.syntax(7), without continuation lines). */
export function readUnit(text = readFileSync(UNIT, "utf8")): ReadonlyMap<string, readonly string[]> {
  const settings = new Map<string, readonly string[]>();
  let section = "";
  for (const line of text.split("\n").map((each) => each.trim())) {
    if (line === "" || /^[#;]/.test(line)) continue;
    const heading = /^\[(\w+)\]$/.exec(line)?.[1];
    if (heading !== undefined) {
      section = heading;
      continue;
    }
    const [, key, value = ""] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (key === undefined) throw new Error(`not a setting: ${line}`);
    settings.set(`${section}.${key}`, [...(settings.get(`${section}.${key}`) ?? []), value]);
  }
  return settings;
}
