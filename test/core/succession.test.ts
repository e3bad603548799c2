import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type SuccessionMember, servingMembers, succeedingMembers, successionOf } from "../../src/core/succession.ts";

const member = (name: string, more: Partial<SuccessionMember> = {}): SuccessionMember => ({
  name,
  pool: name,
  isRetired: false,
  ...more,
});

const namesOf = (members: readonly SuccessionMember[]): readonly string[] => members.map(({ name }) => name);

const gateways = fc.constantFrom("p0", "p1", "s0", "s1", "s2", "s3", "nobody");
const anySite = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom("s0", "s1", "s2", "s3"),
    pool: fc.constantFrom("p0", "p1", "s0"),
    successor: fc.option(gateways, { nil: undefined }),
    isRetired: fc.boolean(),
  }),
  { selector: ({ name }) => name, maxLength: 4 },
);

describe("the servers that follow on each other", () => {
  const ews = member("ews", { successor: "graph", isRetired: true });
  const graph = [member("graph1", { pool: "graph" }), member("graph2", { pool: "graph" })];

  it("serve the mailboxes of a retired one by all servers of the pool that follows on it", () => {
    expect(namesOf(servingMembers("ews", [ews, ...graph]))).toEqual(["graph1", "graph2"]);
    expect(namesOf(servingMembers("ews", [{ ...ews, isRetired: false }, ...graph]))).toEqual(["ews"]);
  });

  it("leave the mailboxes to the rest of the pool while that serves", () => {
    const site = [ews, member("ews2", { pool: "ews" }), ...graph];
    expect(namesOf(servingMembers("ews", site))).toEqual(["ews2"]);
  });

  it("may be several in a row", () => {
    const site = [ews, member("graph", { successor: "other", isRetired: true }), member("other")];
    expect(successionOf("ews", site)).toEqual(["graph", "other"]);
    expect(namesOf(servingMembers("ews", site))).toEqual(["other"]);
  });

  it("leave the mailboxes with a retired one that nobody follows on", () => {
    expect(namesOf(servingMembers("ews", [ews]))).toEqual(["ews"]);
    const circle = [ews, member("graph", { successor: "ews", isRetired: true })];
    expect(namesOf(servingMembers("ews", circle))).toEqual(["ews"]);
  });

  it("are found in the end whoever follows on whom, each once", () => {
    fc.assert(
      fc.property(anySite, gateways, (site, gateway) => {
        const line = successionOf(gateway, site);
        expect(new Set(line).size).toBe(line.length);
        expect(line).not.toContain(gateway);
      }),
    );
  });

  it("never give a mailbox to a retired server while another follows that is not", () => {
    fc.assert(
      fc.property(anySite, gateways, (site, gateway) => {
        const serving = servingMembers(gateway, site);
        const hasOther = succeedingMembers(gateway, site).length > 0;
        const hasRetired = serving.some(({ isRetired }) => isRetired);
        expect(hasRetired && (hasOther || serving.some(({ isRetired }) => !isRetired))).toBe(false);
        const isOwn = ({ name, pool }: SuccessionMember): boolean => name === gateway || pool === gateway;
        if (site.some((each) => isOwn(each))) expect(serving.length).toBeGreaterThan(0);
      }),
    );
  });
});
