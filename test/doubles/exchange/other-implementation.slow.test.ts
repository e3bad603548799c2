import ews from "ews-javascript-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SimulatedExchange, startExchange } from "./exchange.ts";

const ACCOUNT = { user: "svc@example.com", password: "pw", mayImpersonate: true, mailbox: "svc@example.com" };
const ALICE = "alice@example.com";
const { UserSettingName } = ews;

let exchange: SimulatedExchange;
beforeAll(async () => {
  exchange = await startExchange({ accounts: [ACCOUNT] });
  exchange.addMailbox(ACCOUNT.mailbox);
  exchange.addMailbox(ALICE, { calendarFolderName: "Kalender", displayName: "Alice" });
  exchange.autodiscover.offers = ["soap"];
  exchange.autodiscover.set(ALICE, { externalEwsUrl: exchange.url, grouping: "DB1" });
  exchange.autodiscover.set("bob@example.com", { redirectAddress: ALICE });
});
afterAll(() => exchange.stop());

function createService() {
  const service = new ews.ExchangeService(ews.ExchangeVersion.Exchange2013_SP1);
  service.Credentials = new ews.WebCredentials(ACCOUNT.user, ACCOUNT.password);
  service.Url = new ews.Uri(exchange.url);
  return service;
}

/** An implementation by somebody else, so that the simulated server and the gateway do not share one misunderstanding. */
describe("ews-javascript-api", () => {
  it("[R4] reads Autodiscover's settings, redirects and unknown users", async () => {
    const service = new ews.AutodiscoverService(
      new ews.Uri(new URL("/autodiscover/autodiscover.svc", exchange.url).href),
      ews.ExchangeVersion.Exchange2013_SP1,
    );
    service.Credentials = new ews.WebCredentials(ACCOUNT.user, ACCOUNT.password);
    const wanted = [UserSettingName.ExternalEwsUrl, UserSettingName.GroupingInformation];
    const addresses = [ALICE, "bob@example.com", "carol@example.com"];
    const answers = await service.GetUsersSettings(addresses, ...wanted);
    const [alice, bob, carol] = addresses.map((_, index) => answers.__thisIndexer(index));
    expect(wanted.map((name) => alice?.Settings.get(name))).toEqual([exchange.url, "DB1"]);
    expect([bob?.ErrorCode, bob?.RedirectTarget]).toEqual([ews.AutodiscoverErrorCode.RedirectAddress, ALICE]);
    expect(carol?.ErrorCode).toBe(ews.AutodiscoverErrorCode.InvalidUser);
  });

  it("[L1] finds the calendar without its name, and then reads the name", async () => {
    const service = createService();
    service.ImpersonatedUserId = new ews.ImpersonatedUserId(ews.ConnectingIdType.SmtpAddress, ALICE);
    const shape = new ews.PropertySet(ews.BasePropertySet.IdOnly, [ews.FolderSchema.DisplayName]);
    const folder = await ews.Folder.Bind(service, ews.WellKnownFolderName.Calendar, shape);
    expect(folder.DisplayName).toBe("Kalender");
  });

  it("resolves an address", async () => {
    const found = await createService().ResolveName(`smtp:${ALICE}`);
    expect(found.GetEnumerator().map(({ Mailbox }) => Mailbox.Address)).toEqual([ALICE]);
  });
});
