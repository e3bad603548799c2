import { z } from "zod";
import clientsSip from "../../plugins/clients-sip/index.ts";
import publishSip from "../../plugins/publish-sip/index.ts";
import { SECRET_SCHEMA } from "./secret-schema.ts";

/** The section [sip]: the options of the SIP plugins, and where the secret is. */
export const SIP_SECTION = z
  .strictObject({
    ...publishSip.options.shape,
    ...clientsSip.options.shape,
    secret: SECRET_SCHEMA.optional().describe("The user's secret."),
  })
  .superRefine(({ user, secret, certificate, key }, context) => {
    const pairs = [
      ["user", user, "secret", secret],
      ["certificate", certificate, "key", key],
    ] as const;
    for (const [first, one, second, other] of pairs) {
      if ((one === undefined) === (other === undefined)) continue;
      const [missing, given] = one === undefined ? [first, second] : [second, first];
      context.addIssue({ code: "custom", path: [missing], message: `is missing: it belongs to ${given}` });
    }
  });

/** The section as read. */
export type SipSection = z.infer<typeof SIP_SECTION>;

/** The section with its secret found and its paths made absolute. */
export type LoadedSip = Omit<SipSection, "secret"> & { readonly secret?: string };

/** Puts the secret in and makes the files' paths absolute. */
export function loadSip(
  section: SipSection,
  secret: string | undefined,
  absolute: (path: string) => string,
): LoadedSip {
  const { secret: _source, ca, certificate, key, ...plain } = section;
  return {
    ...plain,
    ...(secret !== undefined && { secret }),
    ...(ca !== undefined && { ca: absolute(ca) }),
    ...(certificate !== undefined && { certificate: absolute(certificate) }),
    ...(key !== undefined && { key: absolute(key) }),
  };
}
