import type { Command } from "./command.ts";
import { audit } from "./commands/audit.ts";
import { calendarNameList, calendarNameSet } from "./commands/calendar-name.ts";
import { calendarNameShow, calendarNameVerify } from "./commands/calendar-name-verify.ts";
import { certificateAdd, certificateRemove } from "./commands/certificate-change.ts";
import { certificateAccept, certificateImport } from "./commands/certificate-import.ts";
import { certificateRequest } from "./commands/certificate-request.ts";
import { certificateList, certificateShow } from "./commands/certificate-show.ts";
import { directoryMismatches, directoryShow, directoryStatus } from "./commands/directory-show.ts";
import { directorySync } from "./commands/directory-sync.ts";
import { gatewayAdd, gatewayRemove, gatewaySet } from "./commands/gateway-change.ts";
import { gatewayList, gatewayShow } from "./commands/gateway-show.ts";
import { gatewayTest } from "./commands/gateway-test.ts";
import { help } from "./commands/help.ts";
import { end, me, pause, resume, set } from "./commands/own-presence.ts";
import { optIn, optOut, privacy } from "./commands/own-privacy.ts";
import { language, zone } from "./commands/own-settings.ts";
import { parameterList, parameterSet } from "./commands/parameter.ts";
import { sipStatus } from "./commands/sip-status.ts";
import { status } from "./commands/status.ts";
import { localeSet, userDisable, userEnable, userSet } from "./commands/user-change.ts";
import { userExport } from "./commands/user-export.ts";
import {
  userImport,
  userImportApply,
  userImportCancel,
  userImportList,
  userImportSample,
} from "./commands/user-import.ts";
import { userList, userShow } from "./commands/user-show.ts";
import { refresh, why } from "./commands/why.ts";

/** Every command, in the order of help and docs/COMMANDS.md. */
export const COMMANDS: readonly Command[] = [
  help,
  me,
  pause,
  resume,
  end,
  set,
  language,
  zone,
  privacy,
  optOut,
  optIn,
  status,
  gatewayAdd,
  gatewayList,
  gatewayShow,
  gatewaySet,
  gatewayTest,
  gatewayRemove,
  userEnable,
  userDisable,
  userShow,
  userSet,
  userList,
  userImport,
  userImportSample,
  userImportApply,
  userImportList,
  userImportCancel,
  userExport,
  directoryStatus,
  directoryShow,
  directorySync,
  directoryMismatches,
  why,
  refresh,
  sipStatus,
  parameterList,
  parameterSet,
  localeSet,
  calendarNameList,
  calendarNameSet,
  calendarNameShow,
  calendarNameVerify,
  certificateImport,
  certificateAccept,
  certificateList,
  certificateShow,
  certificateAdd,
  certificateRemove,
  certificateRequest,
  audit,
];
