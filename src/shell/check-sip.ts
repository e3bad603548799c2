import { openSipConnection } from "../../plugins/shared-sip/open-sip-connection.ts";
import { connectionSettings } from "../../plugins/shared-sip/sip-options.ts";
import { toGatewayError } from "../ports/errors.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Trust } from "../ports/trust.ts";
import type { CheckLine } from "./check-connections.ts";
import type { LoadedSip } from "./sip-section.ts";

/**
 * Asks the SIP server whether it is there (OPTIONS, RFC 3261 11), with login where it wants one. Nothing is published: a
 * gateway that runs is not disturbed.
 */
export async function checkSip(
  sip: LoadedSip,
  deps: { readonly runtime: Runtime; readonly trust: Trust },
  signal: AbortSignal,
): Promise<CheckLine> {
  const name = "sip";
  try {
    const connection = await openSipConnection(connectionSettings(sip), deps, signal);
    try {
      connection.start();
      const target = `sip:${(sip.server.split(",")[0] ?? "").trim()}`;
      const { status, reason } = await connection.request({ method: "OPTIONS", target, headers: [] }, signal);
      const detail = `${sip.server} answers by ${sip.transport}: ${status} ${reason}`;
      // Whatever it says, it speaks SIP; only a refused login stops publications.
      const isRefused = status === 401 || status === 403 || status === 407;
      return { name, ok: !isRefused, detail };
    } finally {
      await connection.stop();
    }
  } catch (error) {
    if (signal.aborted) return { name, ok: false, detail: `${sip.server} did not answer in time` };
    const { message, code } = toGatewayError(error);
    return { name, ok: false, detail: `${message} (${code})` };
  }
}
