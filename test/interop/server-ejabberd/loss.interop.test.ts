import { describe } from "vitest";
import { isMissing } from "../../lab/xmpp-server.ts";
import { describeLoss } from "../server-module/loss.ts";

describe.skipIf(isMissing("ejabberd"))("[R2] what is lost on a real ejabberd", () => describeLoss("ejabberd"));
