/* Many at once: a run of records that are as most are.
 *
 * As in native.c, what is not as expected is left to Python.
 */
#include "native.h"
#include "sha256.h"
#include <string.h>

enum { CONTENT_HASH_SIZE = 16 };

static int is_quick;
static PyObject *library_sha256, *name_topic, *name_offset, *name_timestamp, *name_value, *name_key,
    *name_digest;

/* ── Hashes ── */

PyObject *hash_value(PyObject *module, PyObject *value)
{
    if (is_quick && PyBytes_CheckExact(value)) {
        unsigned char digest[SHA256_SIZE];
        sha256_quick((const unsigned char *)PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value),
                     digest);
        return PyBytes_FromStringAndSize((const char *)digest, SHA256_SIZE);
    }
    PyObject *hash = PyObject_CallOneArg(library_sha256, value);
    PyObject *digest = hash == NULL ? NULL : PyObject_CallMethodNoArgs(hash, name_digest);
    Py_XDECREF(hash);
    return digest;
}

/* What tells two inputs of an id apart: the first bytes of the hash of what they say. */
static PyObject *content_hash(const unsigned char *bytes, Py_ssize_t size)
{
    if (is_quick) {
        unsigned char digest[SHA256_SIZE];
        sha256_quick(bytes, size, digest);
        return PyBytes_FromStringAndSize((const char *)digest, CONTENT_HASH_SIZE);
    }
    PyObject *content = PyBytes_FromStringAndSize((const char *)bytes, size);
    PyObject *digest = content == NULL ? NULL : hash_value(NULL, content);
    PyObject *hash = digest == NULL ? NULL : PySequence_GetSlice(digest, 0, CONTENT_HASH_SIZE);
    Py_XDECREF(content);
    Py_XDECREF(digest);
    return hash;
}

/* ── Reading a run of records ── */

/* What the records of a run share. */
typedef struct {
    const Decoder *decoder;
    int is_limited;         /* whether any of its fields is */
    int owner;              /* which field names whose record it is */
    PyObject *topic;
    PyObject *stem;         /* what comes before the offset in an event's id; ASCII */
    PyObject *prefix;       /* how the values begin that the decoder reads */
    PyObject *own_keys;     /* by owner, the key of their records, if they belong here */
    PyObject *input;        /* what is made of a record */
} Run;

/* The stem and a number that is not negative. */
static PyObject *numbered(PyObject *stem, PyObject *number)
{
    char digits[20];
    int count = 0;
    int64_t rest = PyLong_CheckExact(number) ? PyLong_AsLongLong(number) : -1;
    if (rest < 0)
        return NULL;
    do
        digits[count++] = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    Py_ssize_t size = PyUnicode_GET_LENGTH(stem);
    PyObject *text = PyUnicode_New(size + count, 127);
    if (text != NULL) {
        Py_UCS1 *to = PyUnicode_1BYTE_DATA(text);
        memcpy(to, PyUnicode_1BYTE_DATA(stem), size);
        for (to += size; count > 0;)
            *to++ = (Py_UCS1)digits[--count];
    }
    return text;
}

/* Whether the record's key is that of its owner, who is known to belong here. */
static int is_own(PyObject *own_keys, PyObject *owner, PyObject *key)
{
    PyObject *own = PyDict_GetItemWithError(own_keys, owner);
    return own != NULL && PyBytes_CheckExact(own) && PyBytes_CheckExact(key) &&
           PyBytes_GET_SIZE(own) == PyBytes_GET_SIZE(key) &&
           memcmp(PyBytes_AS_STRING(own), PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)) == 0;
}

/* The input that a record's value, key, offset and time make; NULL leaves it to Python. */
static PyObject *input_of(const Run *run, PyObject *value, PyObject *key, PyObject *offset,
                          PyObject *time)
{
    Py_ssize_t start = PyBytes_GET_SIZE(run->prefix);
    if (!PyBytes_CheckExact(value) || PyBytes_GET_SIZE(value) < start ||
        memcmp(PyBytes_AS_STRING(value), PyBytes_AS_STRING(run->prefix), start) != 0 ||
        !PyTuple_CheckExact(time) || PyTuple_GET_SIZE(time) != 2)
        return NULL;
    const unsigned char *bytes = (const unsigned char *)PyBytes_AS_STRING(value);
    Py_ssize_t size = PyBytes_GET_SIZE(value) - start;
    Reading in = {bytes + start, bytes + start + size, 1};
    PyObject *owner = NULL, *made = NULL;
    PyObject *usage = decode(run->decoder, &in, run->owner, &owner);
    if (usage != NULL && is_own(run->own_keys, owner, key)) {
        PyObject *id = numbered(run->stem, offset);
        PyObject *hash = id == NULL ? NULL : content_hash(bytes + start, size);
        if (hash != NULL) {
            PyObject *is_plain = run->is_limited && in.is_plain ? Py_True : Py_False;
            PyObject *given[] = {NULL, id, PyTuple_GET_ITEM(time, 1), hash, usage, Py_None, Py_None,
                                 is_plain};
            made = PyObject_Vectorcall(run->input, given + 1,
                                       7 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
        }
        Py_XDECREF(id);
        Py_XDECREF(hash);
    }
    Py_XDECREF(usage);
    Py_XDECREF(owner);
    return made;
}

/* 1 if the record was read; 0 if it is left to Python; -1 with an error of the record's own. */
static int take(const Run *run, PyObject *record, PyObject *inputs)
{
    PyObject *topic = NULL, *offset = NULL, *time = NULL, *value = NULL, *key = NULL;
    int taken = -1;
    if ((topic = PyObject_CallMethodNoArgs(record, name_topic)) == NULL)
        return -1;
    int is_same = PyObject_RichCompareBool(topic, run->topic, Py_EQ);
    Py_DECREF(topic);
    if (is_same <= 0)
        return is_same;
    if ((offset = PyObject_CallMethodNoArgs(record, name_offset)) != NULL &&
        (time = PyObject_CallMethodNoArgs(record, name_timestamp)) != NULL &&
        (value = PyObject_CallMethodNoArgs(record, name_value)) != NULL &&
        (key = PyObject_CallMethodNoArgs(record, name_key)) != NULL) {
        PyObject *made = input_of(run, value, key, offset, time);
        if (made == NULL)
            PyErr_Clear();
        taken = made == NULL ? 0 : PyList_Append(inputs, made) < 0 ? -1 : 1;
        Py_XDECREF(made);
    }
    Py_XDECREF(offset);
    Py_XDECREF(time);
    Py_XDECREF(value);
    Py_XDECREF(key);
    return taken;
}

/* read_run(decoder, owner, topic, stem, prefix, own_keys, input, records, inputs): goes on where
 * `inputs` end, up to the first record that is left to Python. */
PyObject *read_run(PyObject *module, PyObject *args)
{
    Run run;
    PyObject *records, *inputs;
    if (!PyArg_ParseTuple(args, "O!iUUSO!OOO!", &DecoderType, &run.decoder, &run.owner, &run.topic,
                          &run.stem, &run.prefix, &PyDict_Type, &run.own_keys, &run.input, &records,
                          &PyList_Type, &inputs))
        return NULL;
    if (!PyUnicode_IS_ASCII(run.stem) || run.owner < 0 ||
        run.owner >= run.decoder->around.count) {
        PyErr_SetString(PyExc_ValueError, "a run has an ASCII stem and a field of its decoder");
        return NULL;
    }
    run.is_limited = 0;
    for (int i = 0; i < run.decoder->around.count; i++)
        run.is_limited |= run.decoder->around.children[i].is_limited;
    records = PySequence_Fast(records, "records are a sequence");
    int taken = records == NULL ? -1 : 1;
    while (taken == 1 && PyList_GET_SIZE(inputs) < PySequence_Fast_GET_SIZE(records)) {
        PyObject *record = PySequence_Fast_GET_ITEM(records, PyList_GET_SIZE(inputs));
        Py_INCREF(record);
        taken = take(&run, record, inputs);
        Py_DECREF(record);
    }
    Py_XDECREF(records);
    return taken < 0 ? NULL : Py_NewRef(Py_None);
}

/* ── To be called once ── */

static int name(PyObject **name, const char *text)
{
    *name = PyUnicode_InternFromString(text);
    return *name == NULL ? -1 : 0;
}

int prepare_runs(void)
{
    is_quick = sha256_is_quick();
    PyObject *library = PyImport_ImportModule("hashlib");
    if (library == NULL)
        return -1;
    library_sha256 = PyObject_GetAttrString(library, "sha256");
    Py_DECREF(library);
    return library_sha256 == NULL || name(&name_topic, "topic") < 0 ||
                   name(&name_offset, "offset") < 0 || name(&name_timestamp, "timestamp") < 0 ||
                   name(&name_value, "value") < 0 || name(&name_key, "key") < 0 ||
                   name(&name_digest, "digest") < 0
               ? -1 : 0;
}
