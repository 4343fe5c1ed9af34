/* Text in quotes. */
#include "ir/formats/sink_int.h"

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
