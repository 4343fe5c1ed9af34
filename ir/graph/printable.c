#include "ir/graph/printable_int.h"

#include <string.h>

/* ---- UTF-8 ---- */

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

/* Of a valid character of n bytes. */
static uint32_t code_point(const char *text, size_t n) {
  const unsigned char *s = (const unsigned char *)text;
  if (n == 1) return s[0];
  uint32_t c = s[0] & (0xFFu >> (n + 1));
  for (size_t i = 1; i < n; i++) c = c << 6 | (s[i] & 0x3F);
  return c;
}

/* ---- what is shown ---- */

typedef struct range {
  uint32_t from, to;
} range;

static bool in(uint32_t c, const range *ranges, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (c >= ranges[i].from && c <= ranges[i].to) return true;
  return false;
}

/* Controls of both sets, what is invisible, ends lines or sets the direction of writing. */
static bool hidden(uint32_t c) {
  static const range ranges[] = {{0, 0x1F},        {0x7F, 0x9F},     {0xAD, 0xAD},     {0x61C, 0x61C},
                                 {0x180E, 0x180E}, {0x200B, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F},
                                 {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xFFFE, 0xFFFF}, {0xE0000, 0xE007F}};
  return c < 0x20 || (c >= 0x7F && in(c, ranges, sizeof ranges / sizeof *ranges));
}

/* East Asian wide characters take two columns, accents that are put on the letter before them none. */
static uint8_t columns_of(uint32_t c) {
  static const range wide[] = {{0x1100, 0x115F},   {0x2E80, 0xA4CF},  {0xAC00, 0xD7A3}, {0xF900, 0xFAFF},
                               {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},  {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F},
                               {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
  static const range above[] = {{0x300, 0x36F}, {0x1AB0, 0x1AFF}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}};
  if (c < 0x300) return 1;
  return in(c, above, sizeof above / sizeof *above) ? 0 : in(c, wide, sizeof wide / sizeof *wide) ? 2 : 1;
}

static void put_byte(gr_printable *p, unsigned char byte) {
  static const char hex[] = "0123456789abcdef";
  const char short_form = byte == '\n' ? 'n' : byte == '\t' ? 't' : byte == '\r' ? 'r' : '\0';
  p->text[p->length++] = '\\';
  p->text[p->length++] = short_form ? short_form : 'x';
  if (short_form) return;
  p->text[p->length++] = hex[byte >> 4];
  p->text[p->length++] = hex[byte & 15];
}

size_t gr_printable_next(const char *text, size_t size, gr_printable *shown) {
  const size_t n = gr_utf8_length(text, size);
  const uint32_t c = n ? code_point(text, n) : 0;
  *shown = (gr_printable){.length = 0};
  if (n && !hidden(c)) {
    memcpy(shown->text, text, n);
    shown->length = (uint8_t)n;
    shown->columns = columns_of(c);
    return n;
  }
  for (size_t i = 0; i < (n ? n : 1); i++) put_byte(shown, (unsigned char)text[i]);
  shown->columns = shown->length;
  return n ? n : 1;
}

size_t gr_printable_text(const char *text, char *buffer, size_t size) {
  size_t length = 0, kept = 0;
  const size_t end = strlen(text);
  for (size_t i = 0; i < end;) {
    gr_printable p;
    i += gr_printable_next(text + i, end - i, &p);
    if (kept == length && length + p.length < size) { /* all of a character, or none of it and what follows */
      memcpy(buffer + kept, p.text, p.length);
      kept += p.length;
    }
    length += p.length;
  }
  if (size) buffer[kept] = '\0';
  return length;
}
