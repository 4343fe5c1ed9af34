/* The words of an attribute, in ONNX's spelling and in graft's. */
#include "ir/formats/onnx/onnx_impl.h"

#include <string.h>

bool gr_onnx_next_word(const char **rest, gr_onnx_word *word) {
  const char *theirs = *rest + strspn(*rest, " ");
  const size_t length = strcspn(theirs, " "), before = strcspn(theirs, "= ");
  const char *own = before < length ? theirs + before + 1 : theirs;
  *word = (gr_onnx_word){theirs, own, before, (size_t)(theirs + length - own)};
  *rest = theirs + length;
  return length > 0;
}

int gr_onnx_own_word(const gr_onnx_attr_row *row, gr_choice choice, const char *theirs, size_t length) {
  const char *rest = row->words;
  gr_onnx_word w;
  while (gr_onnx_next_word(&rest, &w)) {
    if (w.length != length || memcmp(w.theirs, theirs, length) != 0) continue;
    const char *const *words = gr_choice_words(choice);
    for (int i = 0; words[i]; i++)
      if (strlen(words[i]) == w.own_length && memcmp(words[i], w.own, w.own_length) == 0) return i;
  }
  return -1;
}
