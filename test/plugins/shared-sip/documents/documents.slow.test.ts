import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeDialogInfo } from "../../../../plugins/shared-sip/documents/decode-dialog-info.ts";
import { decodePidf, NOTHING_HEARD } from "../../../../plugins/shared-sip/documents/decode-pidf.ts";
import { encodePidf } from "../../../../plugins/shared-sip/documents/encode-pidf.ts";
import { activitiesOf } from "../../../../plugins/shared-sip/documents/map-presence.ts";
import { parsePresentityId, parseSipAor } from "../../../../src/core/addresses.ts";
import type { PresenceDocument } from "../../../../src/core/presence.ts";
import { TEXT_CATALOGUE } from "../../../../src/core/text-catalogue.ts";
import { reservedTexts } from "../../../../src/core/texts.ts";
import { instant } from "../../../../src/lib/time.ts";
import { GatewayError } from "../../../../src/ports/errors.ts";
import { anyText } from "../../../lib/any-text.ts";
import { anyDocument } from "./any-document.ts";

const AOR = parseSipAor("sip:o'neil&co@example.com");
const presentity = parsePresentityId("alice@example.com");
const encode = (document: PresenceDocument, locale = "en"): string => encodePidf({ presentity, document, locale }, AOR);
const terms = (now: number) => ({ reservedTexts: reservedTexts(TEXT_CATALOGUE), now: instant(now) });
/** As another gateway, or a phone, would have written it. */
const asForeign = (text: string): string => text.replace('id="gw"', 'id="t1"').replace('id="p-gw"', 'id="p1"');

const hasXmllint = spawnSync("xmllint", ["--version"]).error === undefined;
if (!hasXmllint) console.log("skipped: documents are not validated, for xmllint (libxml2-utils) is missing");

describe("documents", () => {
  test.runIf(hasXmllint)("are valid against PIDF, the data model and RPID, whatever clients write", () => {
    const directory = mkdtempSync(join(tmpdir(), "presence-pidf-"));
    try {
      const files = fc.sample(fc.tuple(anyDocument, fc.constantFrom("en", "de", "he", "zh-Hant", "xx")), 300);
      const names = files.map(([document, locale], index) => {
        writeFileSync(join(directory, `${index}.xml`), encode(document, locale));
        return `${index}.xml`;
      });
      const schema = join(import.meta.dirname, "../../../schemas/presence.xsd");
      const check = (...checked: readonly string[]) =>
        spawnSync("xmllint", ["--noout", "--nonet", "--schema", schema, ...checked], {
          cwd: directory,
          encoding: "utf8",
        });
      const { stderr, status } = check(...names);
      expect({ status, errors: stderr.split("\n").filter((line) => line && !line.endsWith(" validates")) }).toEqual({
        status: 0,
        errors: [],
      });
      writeFileSync(
        join(directory, "bad.xml"),
        encode({ show: "dnd", source: "client" }).replace("rpid:busy", "rpid:bsy"),
      );
      expect(check("bad.xml").status).toBe(3);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  test("of the gateway are never heard as anything", () => {
    fc.assert(
      fc.property(anyDocument, (document) => {
        expect(decodePidf(encode(document), terms(0))).toEqual(NOTHING_HEARD);
      }),
      { numRuns: 1000 },
    );
  });

  test("under other ids mean what they meant", () => {
    fc.assert(
      fc.property(anyDocument, (document) => {
        // Without a show of its own it says what its activities say: nobody composes that.
        fc.pre(document.show !== "available" || activitiesOf(document).length === 0);
        const { phones } = decodePidf(asForeign(encode(document)), terms(1));
        const open = { show: document.show, priority: document.priority ?? -1 };
        expect(phones.map(({ show, priority }) => ({ show, priority }))).toEqual(
          document.show === "unavailable" ? [] : [open],
        );
      }),
      { numRuns: 1000 },
    );
  });

  test("under other ids never say a meeting; who tries is reported", () => {
    fc.assert(
      fc.property(anyDocument, (document) => {
        const { phones, hasClaim } = decodePidf(asForeign(encode({ ...document, text: "in-a-meeting" })), terms(0));
        expect(hasClaim).toBe(true);
        expect(phones.map(({ status }) => status)).toEqual(phones.map(() => ({})));
      }),
    );
  });

  const samples = [
    asForeign(encode({ show: "dnd", source: "client", note: { de: "Mittag" }, priority: 3 })),
    '<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="1" state="full" entity="sip:a@b"><dialog id="1"><state>confirmed</state></dialog></dialog-info>',
  ];
  const aPlace = fc.nat({ max: 700 });
  const aSpoiledText = fc
    .tuple(fc.constantFrom(...samples), fc.array(fc.tuple(aPlace, aPlace, anyText), { maxLength: 4 }))
    .map(([text, cuts]) =>
      cuts.reduce((rest, [at, length, put]) => rest.slice(0, at) + put + rest.slice(at + (length % 40)), text),
    );

  test("spoiled anywhere are read or refused with an error of ours, never anything else", () => {
    const attempt = (read: () => unknown): void => {
      try {
        read();
      } catch (error) {
        expect(error).toBeInstanceOf(GatewayError);
      }
    };
    fc.assert(
      fc.property(fc.oneof(aSpoiledText, anyText), (text) => {
        attempt(() => decodePidf(text, terms(0)));
        attempt(() => decodeDialogInfo(text));
      }),
      { numRuns: 5000 },
    );
  });
});
