/* SHA-256 by the processor's own instructions, where it has them. */
#ifndef SHA256_H
#define SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_SIZE = 32 };

/* Whether this processor has them: nothing else here may be called where it has not. */
int sha256_is_quick(void);

void sha256_quick(const unsigned char *bytes, size_t size, unsigned char *digest);

#endif
