import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answerChallenge, chooseChallenge } from "../../../plugins/shared-sip/digest.ts";

const USER = { user: "Mufasa", secret: "Circle of Life" };
const REQUEST = { method: "GET", uri: "/dir/index.html", body: "" };
const TURN = { count: 1, cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ" };
const challengeOf = (algorithm: string, qop = "auth, auth-int"): string =>
  `Digest realm="http-auth@example.org", qop="${qop}", algorithm=${algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`;

const answer = (values: readonly string[], request = REQUEST): string => {
  const challenge = chooseChallenge(values);
  return challenge ? answerChallenge(challenge, USER, request, TURN) : "";
};

describe("digest", () => {
  it.each([
    ["MD5", "8ca523f5e9506fed4657c9700eebdbec"],
    ["SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"],
  ])("answers as the example of RFC 7616 3.9.1 with %s", (algorithm, response) => {
    const text = answer([challengeOf(algorithm)]);
    expect(text).toContain(`response="${response}"`);
    expect(text).toContain("nc=00000001");
    expect(text).toContain('opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"');
  });

  it("includes the body where the server offers auth-int only", () => {
    const [one, other] = ["a", "b"].map((body) => answer([challengeOf("MD5", "auth-int")], { ...REQUEST, body }));
    expect(one).toContain("qop=auth-int");
    expect(one).not.toBe(other);
  });

  it("takes the first challenge that it can answer (RFC 8760 2.4)", () => {
    expect(chooseChallenge([challengeOf("SHA-256"), challengeOf("MD5")])?.algorithm).toBe("SHA-256");
    expect(chooseChallenge([challengeOf("UNKNOWN"), "Basic realm=x", challengeOf("MD5")])?.algorithm).toBe("MD5");
    expect(chooseChallenge(["NTLM", challengeOf("MD5", "auth-conf")])).toBeUndefined();
  });

  it("knows servers without qop and algorithm (RFC 2069), and stale nonces", () => {
    expect(chooseChallenge(['Digest realm="a", nonce="b", stale=TRUE'])).toMatchObject({
      qop: undefined,
      isStale: true,
    });
    expect(answer(['Digest realm="a \\"b\\"", nonce="b"'])).toContain('realm="a \\"b\\"", nonce="b", uri=');
  });

  it("reads any challenge without a throw, and answers without control characters", () => {
    const text = fc.oneof(
      fc.string(),
      fc.string().map((each) => `Digest realm="${each}", nonce="${each}"`),
    );
    fc.assert(
      fc.property(text, (value) => {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        expect(answer([value])).not.toMatch(/[\0-\x1f\x7f]/);
      }),
    );
  });
});
