import { describe } from "vitest";
import { isMissing } from "../../lab/xmpp-server.ts";
import { describeOverlay } from "../server-module/overlay.ts";

describe.skipIf(isMissing("ejabberd"))("overlays on a real ejabberd", () => describeOverlay("ejabberd"));
