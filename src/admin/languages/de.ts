import type { ChatTexts } from "./chat-texts.ts";

/** German. */
export const DE: ChatTexts = {
  available: "verfügbar",
  away: "abwesend",
  dnd: "bitte nicht stören",
  offline: "offline",

  unknownYet: "Über Sie ist noch nichts bekannt. Fragen Sie in einer Minute noch einmal.",
  shownAs: "Sie werden angezeigt als: {state}",
  since: "Seit: {when}",
  until: "Bis: {when}",
  nextChange: "Nächste Änderung: {when}",
  calendarRead: "Kalender zuletzt gelesen: {when}",
  calendarUnread: "Ihr Kalender wurde noch nicht gelesen.",
  readFailed: "Der letzte Versuch ist fehlgeschlagen; Ihr Administrator kann sehen, warum.",
  becauseOffline: "Keines Ihrer Programme ist online, daher wird Ihr Kalender nicht angezeigt.",
  becausePaused: "Sie haben gebeten, dass Ihr Kalender nicht angezeigt wird.",
  becauseSet: "Das haben Sie selbst im Chat eingestellt.",
  asked: "Sie möchten angezeigt werden als: {state}",
  becausePhone: "Sie telefonieren gerade.",
  becauseDnd: "Sie haben „Bitte nicht stören“ selbst in Ihrem Programm eingestellt.",
  becauseReplies: "Ihr Postfach beantwortet E-Mails automatisch, Sie gelten also als abwesend.",
  becauseOof: "Laut Ihrem Kalender sind Sie außer Haus.",
  becauseBusy: "Laut Ihrem Kalender sind Sie beschäftigt.",
  becauseTentative: "Ihr Kalender hat einen Eintrag mit Vorbehalt.",
  becauseElsewhere: "Laut Ihrem Kalender arbeiten Sie an einem anderen Ort.",
  becauseUnknown: "Ihr Kalender konnte nicht gelesen werden, daher zählen nur Ihre Programme.",
  becauseClient: "Ihr Kalender hat jetzt keinen Eintrag, daher zählt der Status Ihres Programms.",

  paused: "Ihr Kalender wird nicht angezeigt.",
  ended: "Ihre jetzige Besprechung wird nicht mehr angezeigt.",
  resumed: "Ihr Kalender wird angezeigt.",
  toResume: "Um Ihren Kalender wieder anzuzeigen, senden Sie: {command}",
  toEnd: "Um dies vorzeitig zu beenden, senden Sie: {command}",
  toPause: "Um Ihren Kalender zu verbergen, senden Sie: {command}",
  noMeeting: "Zurzeit wird keine Besprechung von Ihnen angezeigt.",
  noEnd: "Der jetzige Zustand hat kein bekanntes Ende. Senden Sie: {command}",
  badTime: "Diese Zeit ist nicht brauchbar; möglich sind 1 Minute bis 366 Tage. Beispiele: {examples}",
  badState: "Einstellen lässt sich: {choices}. Eine Besprechung kommt nur aus Ihrem Kalender.",

  languageIs: "Ihre Sprache: {language}",
  languages: "Es gibt diese Sprachen: {list}",
  zoneIs: "Ihre Zeitzone: {zone}. Dort ist es {time}.",
  asMailbox: "Von jetzt an gilt, was Ihr Postfach sagt.",
  badZone: "Diese Zeitzone gibt es nicht. Beispiele: {examples}",

  privacyTitle: "Das weiß und speichert das Gateway über Sie:",
  holdAccount: "Ihre Adresse {jid} und Ihr Postfach {mailbox}",
  holdSip: "Ihre SIP-Adresse {sip}",
  holdChoices: "Ihre Sprache, Ihre Zeitzone und ob Sie ausgenommen sind",
  holdCalendar:
    "Ihr Kalender: Beginn, Ende und Belegung der Einträge, nie Betreff, Ort oder Personen. Einträge: {count}",
  holdReplies: "Wann Ihr Postfach automatisch antwortet, nie was",
  holdServer: "Von welchem Server Ihr Kalender gelesen wird und was dabei zuletzt misslang",
  holdRequest: "Worum Sie zuletzt im Chat gebeten haben (pause, end oder set)",
  holdClients: "Status und Statustext Ihrer Programme. Programme: {count}",
  holdShown: "Was von Ihnen angezeigt wird und an welchen Dienst es gesendet wurde",
  holdMemory:
    "Was sich die Verbindungen des Gateways merken, etwa wer wessen Kontakt hinzugefügt hat. Einträge: {count}",
  holdImports: "Listen von Benutzern, die importiert werden sollen und Sie nennen. Listen: {count}",
  holdLog: "Das Protokoll, was für Sie geändert wurde, von wem und wann. Zeilen: {count}",
  toOptOut: "Um ganz ausgenommen zu werden, senden Sie: {command}",
  optedOut:
    "Sie sind ausgenommen: Ihr Kalender wird weder gelesen noch angezeigt, und was davon gespeichert war, ist gelöscht. Um zurückzukommen, senden Sie: {command}",
  alsoRead: "Dasselbe Postfach wird auch für andere gelesen: {jids}. Fragen Sie dazu Ihren Administrator.",
  optedIn: "Sie sind nicht ausgenommen: Ihr Kalender wird gelesen und angezeigt.",
  overruled:
    "{admin} hat entschieden, dass Ihr Kalender wieder angezeigt wird, obwohl Sie ausgenommen werden wollten. Um wieder ausgenommen zu werden, senden Sie: {command}",

  notEnabled:
    "Ihr Kalender wird von diesem Gateway nicht angezeigt. Bitten Sie Ihren Administrator, Sie freizuschalten.",
  unknownCommand: "Diesen Befehl gibt es nicht. Senden Sie {command} für eine Liste.",
  forAdministrators:
    "Dieser Befehl ist für Administratoren. Senden Sie {command} für die Befehle, die Sie verwenden können.",
  notUnderstood: "Dieser Befehl war nicht zu verstehen. Wie er aussehen muss, sagt: {command}",
  wentWrong: "Im Gateway ist etwas schiefgegangen. Versuchen Sie es später noch einmal.",
  tooMany:
    "Das sind zu viele Nachrichten auf einmal: Bitte warten Sie auf die Antworten. Die letzten wurden nicht gelesen.",
  tooLong: "Diese Nachricht ist zu lang: Höchstens 64 KiB werden gelesen.",
  encrypted:
    "Verschlüsselte Nachrichten kann ich nicht lesen: Bitte schalten Sie die Verschlüsselung für diesen Chat aus.",

  helpTitle: "Dieses Gateway zeigt „In einer Besprechung“ aus Ihrem Kalender an. Befehle:",
  usage: "Form: {usage}",
  example: "Beispiel: {example}",
  doesHelp: "Listet die Befehle auf, die Sie verwenden können, oder erklärt einen.",
  doesMe: "Sagt, wie Sie angezeigt werden, bis wann und warum.",
  doesPause: "Zeigt Ihren Kalender nicht mehr an, für eine Zeit oder bis Sie ihn wieder zeigen.",
  doesResume: "Zeigt Ihren Kalender nach pause, end oder set wieder an.",
  doesEnd: "Beendet Ihre jetzige Besprechung vorzeitig: Sie wird nicht mehr angezeigt, die nächste schon.",
  doesSet: "Zeigt Sie so an, wie Sie es sagen, bis der jetzige Block Ihres Kalenders endet oder bis zu einer Zeit.",
  doesLanguage: "Zeigt oder ändert die Sprache Ihrer Texte und dieser Antworten.",
  doesZone: "Zeigt oder ändert die Zeitzone dieser Antworten.",
  doesPrivacy: "Sagt, was das Gateway über Sie weiß und speichert.",
  doesOptOut:
    "Nimmt Sie aus: Ihr Kalender wird weder gelesen noch angezeigt, und was davon gespeichert war, wird gelöscht.",
  doesOptIn: "Macht opt out rückgängig.",
};
