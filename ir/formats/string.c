/* Text in quotes, and UTF-8. */
#include "ir/formats/sink_int.h"

static bool continuation(unsigned char c) { return (c & 0xC0) == 0x80; }

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
size_t gr_utf8_length(const char *text, size_t size) {
  const unsigned char *s = (const unsigned char *)text;
  if (size >= 1 && s[0] < 0x80) return 1;
  if (size >= 2 && s[0] >= 0xC2 && s[0] <= 0xDF && continuation(s[1])) return 2;
  if (size >= 3 && s[0] >= 0xE0 && s[0] <= 0xEF && continuation(s[1]) && continuation(s[2])) {
    if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F)) return 0;
    return 3;
  }
  if (size >= 4 && s[0] >= 0xF0 && s[0] <= 0xF4 && continuation(s[1]) && continuation(s[2]) && continuation(s[3])) {
    if ((s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F)) return 0;
    return 4;
  }
  return 0;
}

bool gr_utf8_valid(const char *text, size_t size) {
  size_t n = 1;
  for (size_t i = 0; i < size && n; i += n) n = gr_utf8_length(text + i, size - i);
  return n != 0;
}

static void write_byte(gr_sink *s, unsigned char c) {
  static const char hex[] = "0123456789abcdef";
  char text[4] = {'\\', 'x', hex[c >> 4], hex[c & 15]};
  switch (c) {
  case '\n': gr_sink_write(s, "\\n", 2); break;
  case '\t': gr_sink_write(s, "\\t", 2); break;
  case '\r': gr_sink_write(s, "\\r", 2); break;
  case '"': gr_sink_write(s, "\\\"", 2); break;
  case '\\': gr_sink_write(s, "\\\\", 2); break;
  default: gr_sink_write(s, text, 4);
  }
}

void gr_sink_quoted(gr_sink *s, const char *text, size_t length) {
  gr_sink_write(s, "\"", 1);
  size_t plain = 0;
  for (size_t i = 0; i < length;) {
    unsigned char c = (unsigned char)text[i];
    size_t n = gr_utf8_length(text + i, length - i);
    bool escape = n == 0 || c < 0x20 || c == 0x7F || c == '"' || c == '\\';
    if (escape) {
      gr_sink_write(s, text + plain, i - plain);
      write_byte(s, c);
      n = 1;
      plain = i + 1;
    }
    i += n;
  }
  gr_sink_write(s, text + plain, length - plain);
  gr_sink_write(s, "\"", 1);
}
