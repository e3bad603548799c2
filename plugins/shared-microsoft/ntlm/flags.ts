/** NegotiateFlags that the client uses (MS-NLMP 2.2.2.5). */
export const FLAGS = {
  unicode: 0x00000001,
  requestTarget: 0x00000004,
  ntlm: 0x00000200,
  alwaysSign: 0x00008000,
  extendedSessionSecurity: 0x00080000,
  targetInfo: 0x00800000,
  version: 0x02000000,
  encryption128: 0x20000000,
} as const;

/** What the client offers: what NTLM over HTTP needs, and what "minimum session security" of a Windows server may ask. */
export const OFFERED_FLAGS = Object.values(FLAGS).reduce((all, flag) => all | flag, 0);
