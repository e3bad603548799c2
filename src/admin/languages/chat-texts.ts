/**
 * Every text that users read in the chat, with its placeholders. Commands are placeholders too: they are typed as they are in
 * every language. Counts stand behind a colon, so that no language needs forms of plural; lengths of time come from Intl.
 */
export const CHAT_PLACEHOLDERS = {
  available: [],
  away: [],
  dnd: [],
  offline: [],

  unknownYet: [],
  shownAs: ["state"],
  since: ["when"],
  until: ["when"],
  nextChange: ["when"],
  calendarRead: ["when"],
  calendarUnread: [],
  readFailed: [],
  becauseOffline: [],
  becausePaused: [],
  becauseSet: [],
  asked: ["state"],
  becausePhone: [],
  becauseDnd: [],
  becauseReplies: [],
  becauseOof: [],
  becauseBusy: [],
  becauseTentative: [],
  becauseElsewhere: [],
  becauseUnknown: [],
  becauseClient: [],

  paused: [],
  ended: [],
  resumed: [],
  toResume: ["command"],
  toEnd: ["command"],
  toPause: ["command"],
  noMeeting: [],
  noEnd: ["command"],
  badTime: ["examples"],
  badState: ["choices"],

  languageIs: ["language"],
  languages: ["list"],
  zoneIs: ["zone", "time"],
  asMailbox: [],
  badZone: ["examples"],

  privacyTitle: [],
  holdAccount: ["jid", "mailbox"],
  holdSip: ["sip"],
  holdChoices: [],
  holdCalendar: ["count"],
  holdReplies: [],
  holdServer: [],
  holdRequest: [],
  holdClients: ["count"],
  holdShown: [],
  holdMemory: ["count"],
  holdImports: ["count"],
  holdLog: ["count"],
  toOptOut: ["command"],
  optedOut: ["command"],
  alsoRead: ["jids"],
  optedIn: [],
  overruled: ["admin", "command"],

  notEnabled: [],
  unknownCommand: ["command"],
  forAdministrators: ["command"],
  notUnderstood: ["command"],
  wentWrong: [],
  tooMany: [],
  tooLong: [],
  encrypted: [],

  helpTitle: [],
  usage: ["usage"],
  example: ["example"],
  doesHelp: [],
  doesMe: [],
  doesPause: [],
  doesResume: [],
  doesEnd: [],
  doesSet: [],
  doesLanguage: [],
  doesZone: [],
  doesPrivacy: [],
  doesOptOut: [],
  doesOptIn: [],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** The name of a text. */
export type ChatTextKey = keyof typeof CHAT_PLACEHOLDERS;

/** The name of a text that says what a command does. */
export type SummaryKey = Extract<ChatTextKey, `does${string}`>;

/** What a text's placeholders stand for. */
export type ChatValues<Key extends ChatTextKey> = Readonly<Record<(typeof CHAT_PLACEHOLDERS)[Key][number], string>>;

/** The texts of one language: `{name}` is a placeholder. */
export type ChatTexts = Readonly<Record<ChatTextKey, string>>;
