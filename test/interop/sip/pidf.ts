/** A presence document as phones write it (RFC 3863, 4479, 4480); the parts are put in as they are. */
export function pidf({
  entity = "sip:alice@example.test",
  id = "phone",
  activities = "",
  note,
  personNote,
}: {
  readonly entity?: string;
  readonly id?: string;
  readonly activities?: string;
  readonly note?: string;
  readonly personNote?: string;
}): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="${entity}">`,
    `<tuple id="${id}"><status><basic>open</basic></status>${note === undefined ? "" : `<note>${note}</note>`}</tuple>`,
    `<dm:person id="p-${id}"><rpid:activities>${activities}</rpid:activities>`,
    `${personNote === undefined ? "" : `<dm:note>${personNote}</dm:note>`}</dm:person>`,
    "</presence>",
  ].join("");
}
