/* What the parts of the quick way share: programs, what follows them, and functions of each. */
#ifndef NATIVE_H
#define NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

enum { LONG, INT, BOOLEAN, TEXT, SHARED_TEXT, BYTES, FIXED, ENUM, OPTIONAL, CHOICE, ARRAY, RECORD };
enum { VALUES_MAX = 64, SHORT_MAX = 1024 };

typedef struct Node Node;

/* A part of a program.
 *   FIXED    `size` bytes
 *   ENUM     `members`, the symbols' values in order
 *   OPTIONAL and ARRAY  one child
 *   CHOICE   its records
 *   RECORD   its fields; for reading, the constructor's arguments are the values at `places`,
 *            named by `names` if not given by place; for writing, each field has an `attribute`
 */
struct Node {
    int kind;
    int count;
    Node *children;
    Py_ssize_t size;
    PyObject *members;
    PyObject *type;
    PyObject *names;
    int *places;
    int places_count;
    PyObject *attribute;     /* writing: of the object that holds this value; NULL beside it */
    Py_ssize_t offset;       /* writing: where the object keeps it, or -1 */
    PyObject *literal;       /* writing: bytes written as they are, instead of a value */
    int is_limited;          /* reading: a number, or a text of printable ASCII by its length, is */
    long long least, most;   /* plain within these */
};

typedef struct {
    const unsigned char *at;
    const unsigned char *end;
    int is_plain;   /* all that is limited was within its limits so far */
} Reading;

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    PyObject *slow;
    Node around;   /* RECORD: the fields before the body */
    Node bodies;   /* CHOICE: what the body may be; RECORD: the whole, where there is no body */
    int beside;    /* which field before the body is returned beside the object, or -1 */
} Decoder;

extern PyTypeObject DecoderType;

/* native.c: an object; with it the value of one of the fields before the body, if one is asked for.
 * NULL without an error means that the codec in Python has to look. */
PyObject *decode(const Decoder *decoder, Reading *in, int field, PyObject **value);

/* runs.c: functions of the module; and what they need, to be called once: -1 is an error. */
PyObject *read_run(PyObject *module, PyObject *args);
PyObject *hash_value(PyObject *module, PyObject *value);
int prepare_runs(void);

#endif
