/** A SIP message as the double reads it: by other means than the gateway's, so that both do not err alike. */
export interface SipText {
  readonly start: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** Reads the message at the beginning of the text and says where it ends; undefined while it is not complete. */
export function readSipText(text: string): { readonly message: SipText; readonly end: number } | undefined {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const [start = "", ...lines] = text.slice(0, headEnd).split("\r\n");
  const headers = lines.map((line) => {
    const [, name = "", value = ""] = /^([^:]+?)\s*:\s*(.*)$/.exec(line) ?? [];
    return [name, value] as const;
  });
  const length = Number(headers.find(([name]) => name.toLowerCase() === "content-length")?.[1] ?? 0);
  const bytes = Buffer.from(text.slice(headEnd + 4), "latin1");
  if (bytes.length < length) return undefined;
  return {
    message: { start, headers, body: bytes.subarray(0, length).toString("utf8") },
    end: headEnd + 4 + length,
  };
}

/** The first header of the name. */
export const headerOf = ({ headers }: SipText, name: string): string | undefined =>
  headers.find(([each]) => each.toLowerCase() === name.toLowerCase())?.[1];

/** A response to the request, with these headers added. */
export function responseTo(request: SipText, line: string, headers: readonly (readonly [string, string])[]): string {
  const copied = request.headers.filter(([name]) => ["Via", "From", "To", "Call-ID", "CSeq"].includes(name));
  const all = [
    ...copied.map(([name, value]) => [name, name === "To" ? `${value};tag=double` : value] as const),
    ...headers,
    ["Content-Length", "0"] as const,
  ];
  return `SIP/2.0 ${line}\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
}
