// ServerVersionInfo, never its attribute Version: 2016, 2019 and SE all say V2017_07_11.
const RELEASES: readonly (readonly [major: number, minor: number, build: number, name: string])[] = [
  [8, 0, 0, "Exchange 2007"],
  [8, 1, 0, "Exchange 2007 SP1"],
  [8, 2, 0, "Exchange 2007 SP2"],
  [8, 3, 0, "Exchange 2007 SP3"],
  [14, 0, 0, "Exchange 2010"],
  [14, 1, 0, "Exchange 2010 SP1"],
  [14, 2, 0, "Exchange 2010 SP2"],
  [14, 3, 0, "Exchange 2010 SP3"],
  [15, 0, 0, "Exchange 2013"],
  [15, 0, 847, "Exchange 2013 SP1"],
  [15, 1, 0, "Exchange 2016"],
  [15, 2, 0, "Exchange 2019"],
  [15, 2, 2562, "Exchange SE"],
  [15, 20, 0, "Exchange Online"],
];

/** The product by its build, `15.1.2507` to `Exchange 2016 (15.1.2507)`; a build of no known product as it is. */
export function nameServer(build: string): string {
  const [major, minor, number = 0] = build.split(".").map(Number);
  const name = RELEASES.findLast(([m, n, from]) => m === major && n === minor && number >= from)?.[3] ?? "Exchange";
  return name === "Exchange" ? `Exchange ${build}` : `${name} (${build})`;
}
