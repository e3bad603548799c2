import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readImport } from "../../../src/admin/import/read-import.ts";
import { GatewayError } from "../../../src/ports/errors.ts";

const read = (...lines: readonly string[]) => [...readImport(lines.join("\n"))];
const problemsOf = (header: string, row: string): string =>
  read(header, row)
    .flatMap((each) => ("problems" in each ? each.problems : []))
    .join("; ");
const failure = (text: string): string => {
  try {
    return `read: ${[...readImport(text)].length}`;
  } catch (error) {
    return error instanceof GatewayError ? `${error.message} [${error.code}]` : String(error);
  }
};

describe("a list of users", () => {
  it("may have its columns in any order, and cells that are empty", () => {
    expect(
      read("Enabled;JID;Mailbox;gateway;locale;sip", "no;Alice@Example.com;a@x.example;HQ;de_at;sip:a@x.example"),
    ).toEqual([
      {
        line: 2,
        jid: "alice@example.com",
        mailbox: "a@x.example",
        gateway: "hq",
        locale: "de-AT",
        sip: "sip:a@x.example",
        isEnabled: false,
      },
    ]);
    expect(read("jid,mailbox,enabled", "bob@example.com,,")).toEqual([{ line: 2, jid: "bob@example.com" }]);
    expect(read("jid", "bob@example.com,,,")).toEqual([{ line: 2, jid: "bob@example.com" }]);
  });

  it.each([
    ["t", true],
    ["TRUE", true],
    ["1", true],
    ["x", true],
    ["f", false],
    ["No", false],
  ])("takes %j for a tick or none", (cell, isEnabled) => {
    expect(read("jid,enabled", `bob@example.com,${cell}`)).toMatchObject([{ isEnabled }]);
  });

  it.each([
    ["t,t", true, undefined],
    ["f,f", false, undefined],
    ["t,f", false, "presence is ticked and meeting_information is not: both are needed, so the user is not enabled"],
    [",t", false, "meeting_information is ticked and presence is not: both are needed, so the user is not enabled"],
  ])("[U2] with Cisco's two ticks as %j", (ticks, isEnabled, note) => {
    const [row] = read("jid,presence,Meeting Information", `bob@example.com,${ticks}`);
    expect(row).toEqual({ line: 2, jid: "bob@example.com", isEnabled, ...(note && { note }) });
  });

  it("[U2] without the column of one of the two ticks is refused, and says which", () => {
    expect(failure("jid,presence\nbob@example.com,t")).toMatch(
      /the column meeting_information is missing beside presence: both ticks are needed/,
    );
  });

  it.each([
    ["", /^There is no row/],
    ["alice@example.com,yes", /no column "alice@example\.com"; .*the column jid is missing/],
    ["jid,mailbx", /no column "mailbx"; did you mean mailbox\?/],
    ["jid,,mailbox", /one column has no name/],
    ["jid,jid", /the column jid is there twice/],
    ["jid,enabled,presence,meeting_information", /enabled or the two ticks, not both/],
    ['"jid', /line 1: a quote/],
  ])("is refused for its header %j", (header, expected) => {
    expect(failure(`${header}\n`)).toMatch(expected);
    expect(failure(header)).toMatch(/\[import-invalid\]$/);
  });

  it.each([
    ["jid", "alice", /^jid: the whole JID is needed/],
    ["jid", "alice@example.com/home", /^jid: this is the JID of one client/],
    ["jid,mailbox", ",a@x.example", /^jid: the whole JID is needed/],
    ["jid,mailbox,locale", "x@example.com,y,!", /^mailbox: "y" is not an SMTP.*; locale: this is not a language tag/],
    ["jid,enabled", "x@example.com,maybe", /^enabled: must be yes or no$/],
    ["jid,sip", "x@example.com,x@example.com", /^sip: .*is not a SIP address/],
    ["jid,mailbox,sip", "x@example.com,x@example.com", /^it has 2 cells, the header 3$/],
    ["jid,mailbox", "x@example.com,,surplus", /^it has 3 cells, the header 2$/],
    ["jid", '"x@example.com"y', /^a quote inside a cell/],
  ])("has a row that is wrong: %j, %j", (header, row, expected) => {
    expect(problemsOf(header, row)).toMatch(expected);
  });

  it("that another program has exported names a few of its columns, not hundreds", () => {
    const names = Array.from({ length: 200 }, (_, index) => `DEVICE NAME ${index}`);
    const text = failure(`USER ID,MAIL ID,${names.join(",")}\nalice`);
    expect(text).toContain('there is no column "user_id"');
    expect(text).toContain("nor 197 more of those that are given; the column jid is missing");
    expect(text.length).toBeLessThan(600);
  });

  it("keeps an address at rest, and what was guarded against spreadsheets", () => {
    expect(read("jid,sip", "'=a@example.com,sip:a@example.com (off)")).toEqual([
      { line: 2, jid: "=a@example.com", sip: { resting: "sip:a@example.com" } },
    ]);
  });

  it("may be anything and never breaks the reader", () => {
    const noise = fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc.stringMatching(/^[@.a;,"\t\r\n=(off)]{0,200}$/),
    );
    fc.assert(
      fc.property(noise, (text) => {
        expect(failure(`jid,mailbox,gateway,locale,sip,enabled\n${text}`)).toMatch(/^read: \d+$/);
        expect(failure(text)).toMatch(/^read: \d+$|\[import-invalid\]$/);
      }),
      { numRuns: 100 },
    );
  });
});
