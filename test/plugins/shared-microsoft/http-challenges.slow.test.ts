import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseHttpChallenges } from "../../../plugins/shared-microsoft/http-challenges.ts";

const words = (header: string | readonly string[] | undefined): readonly string[] =>
  parseHttpChallenges(header).map(({ scheme, token }) => (token === undefined ? scheme : `${scheme} ${token}`));

describe("WWW-Authenticate", () => {
  it.each<readonly [string | readonly string[] | undefined, readonly string[]]>([
    [undefined, []],
    ["", []],
    ["NTLM", ["ntlm"]],
    ["NTLM TlRMTVNTUAACAAAA+/==", ["ntlm TlRMTVNTUAACAAAA+/=="]],
    [
      ["Negotiate", "NTLM", 'Basic realm="mail.example.com"'],
      ["negotiate", "ntlm", "basic"],
    ],
    ['Negotiate, NTLM, Basic realm="a, b \\" NTLM", charset="UTF-8"', ["negotiate", "ntlm", "basic"]],
    ['Digest qop="auth", algorithm = MD5, nonce="x", NTLM abc=', ["digest", "ntlm abc="]],
    [",, ,Basic ,", ["basic"]],
    ['Basic realm="never closed, NTLM', ["basic"]],
    ["Bearer scope=a, ntlm", ["bearer", "ntlm"]],
    ["=, ;, (NTLM)", []],
  ])("%j offers %j", (header, expected) => {
    expect(words(header)).toEqual(expected);
  });

  it("may hold anything: what is offered is a scheme in small letters", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (header) => {
        for (const { scheme } of parseHttpChallenges(header)) expect(scheme).toMatch(/^[!#$%&'*+.^_`|~0-9a-z-]+$/);
      }),
    );
  });

  it("is read however long and hostile it is", () => {
    for (const piece of [" ", "a=", "a ", '"', "\\", ",", "a= ="]) {
      expect(words(`NTLM, ${piece.repeat(30_000)}!`)[0]).toBe("ntlm");
    }
  });
});
