import type { StateTexts, TextCatalogue } from "./texts.ts";

const texts = (meeting: string, out: string, phone: string): StateTexts => ({
  "in-a-meeting": meeting,
  "out-of-office": out,
  "on-the-phone": phone,
});

/** The project's own state texts; the server modules' lists of reserved texts are generated from them. */
export const TEXT_CATALOGUE: TextCatalogue = {
  en: texts("In a meeting", "Out of office", "On the phone"),
  de: texts("In einer Besprechung", "Abwesend", "Am Telefon"),
  fr: texts("En réunion", "Absent du bureau", "Au téléphone"),
  es: texts("En una reunión", "Fuera de la oficina", "Al teléfono"),
  it: texts("In riunione", "Fuori sede", "Al telefono"),
  "pt-BR": texts("Em uma reunião", "Fora do escritório", "Ao telefone"),
  "pt-PT": texts("Numa reunião", "Fora do escritório", "Ao telefone"),
  nl: texts("In vergadering", "Niet aanwezig", "Aan de telefoon"),
  sv: texts("I ett möte", "Inte på kontoret", "I telefon"),
  da: texts("I et møde", "Ikke til stede", "I telefonen"),
  nb: texts("I et møte", "Ikke til stede", "I telefonen"),
  fi: texts("Kokouksessa", "Poissa", "Puhelimessa"),
  pl: texts("Na spotkaniu", "Poza biurem", "Rozmawia przez telefon"),
  cs: texts("Na schůzce", "Mimo kancelář", "Telefonuje"),
  sk: texts("Na schôdzi", "Mimo kancelárie", "Telefonuje"),
  hu: texts("Értekezleten", "Házon kívül", "Telefonál"),
  ro: texts("În ședință", "Plecat din birou", "La telefon"),
  tr: texts("Toplantıda", "Ofis dışında", "Telefonda"),
  el: texts("Σε σύσκεψη", "Εκτός γραφείου", "Στο τηλέφωνο"),
  bg: texts("На среща", "Извън офиса", "На телефона"),
  ru: texts("На собрании", "Нет на месте", "Разговаривает по телефону"),
  uk: texts("На нараді", "Немає на місці", "Розмовляє по телефону"),
  ja: texts("会議中", "外出中", "通話中"),
  ko: texts("회의 중", "부재 중", "통화 중"),
  "zh-Hans": texts("正在开会", "外出", "正在通话"),
  "zh-Hant": texts("正在開會", "外出", "通話中"),
  ar: texts("في اجتماع", "خارج المكتب", "على الهاتف"),
  he: texts("בפגישה", "מחוץ למשרד", "בטלפון"),
};
