/* The codec's quick way: well-formed values between bytes and the core's objects, by a program
 * that schemas/native.py makes of a schema.
 *
 * It knows no reason to refuse anything. Whatever is not as our own encoder writes it, or is not
 * the object that the program expects, is handed to the codec in Python, whose answer stands:
 * a value, or the error with its sentence. So the two cannot differ in what they refuse; that they
 * read and write the same is tested.
 *
 * Every read is bounded by `end`; every write by `reserve`. Programs are as deep as their schema,
 * which never contains itself.
 */
#include "native.h"
#include <stddef.h>
#include <string.h>
#include <structmember.h>

/* ── Programs ── */

static void node_clear(Node *node)
{
    for (int i = 0; i < node->count; i++)
        node_clear(&node->children[i]);
    PyMem_Free(node->children);
    PyMem_Free(node->places);
    Py_XDECREF(node->members);
    Py_XDECREF(node->type);
    Py_XDECREF(node->names);
    Py_XDECREF(node->attribute);
    Py_XDECREF(node->literal);
    memset(node, 0, sizeof *node);
}

static int node_fill(Node *node, PyObject *program);

static int fill_children(Node *node, PyObject *programs)
{
    if (!PyTuple_Check(programs)) {
        PyErr_SetString(PyExc_TypeError, "a program is made of tuples");
        return -1;
    }
    Py_ssize_t count = PyTuple_GET_SIZE(programs);
    if (count > VALUES_MAX) {
        PyErr_SetString(PyExc_ValueError, "a record has too many fields");
        return -1;
    }
    node->children = PyMem_Calloc(count ? count : 1, sizeof(Node));
    if (node->children == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    node->count = (int)count;
    for (int i = 0; i < node->count; i++)
        if (node_fill(&node->children[i], PyTuple_GET_ITEM(programs, i)) < 0)
            return -1;
    return 0;
}

static int fill_places(Node *node, PyObject *places)
{
    Py_ssize_t count = PyTuple_Size(places);
    if (count < 0 || count > VALUES_MAX) {
        if (count >= 0)
            PyErr_SetString(PyExc_ValueError, "a type has too many fields");
        return -1;
    }
    node->places = PyMem_Calloc(count ? count : 1, sizeof(int));
    if (node->places == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    node->places_count = (int)count;
    for (int i = 0; i < node->places_count; i++) {
        long place = PyLong_AsLong(PyTuple_GET_ITEM(places, i));
        if (place < 0 || place >= VALUES_MAX) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_ValueError, "a place is out of range");
            return -1;
        }
        node->places[i] = (int)place;
    }
    return 0;
}

/* Where objects of a type keep an attribute; -1 where only a look-up tells. */
static Py_ssize_t offset_of(PyObject *type, PyObject *attribute)
{
    Py_ssize_t offset = -1;
    PyObject *found = PyObject_GetAttr(type, attribute);
    if (found == NULL) {
        PyErr_Clear();
        return -1;
    }
    if (Py_IS_TYPE(found, &PyMemberDescr_Type)) {
        PyMemberDef *member = ((PyMemberDescrObject *)found)->d_member;
        if (member->type == T_OBJECT_EX)
            offset = member->offset;
    }
    Py_DECREF(found);
    return offset;
}

/* (kind, size, members, children, type, places, names, attribute, literal, limits) */
static int node_fill(Node *node, PyObject *program)
{
    PyObject *members, *children, *type, *places, *names, *attribute, *literal, *limits;
    if (!PyTuple_Check(program)) {
        PyErr_SetString(PyExc_TypeError, "a program is a tuple");
        return -1;
    }
    if (!PyArg_ParseTuple(program, "inO!O!OO!OOOO", &node->kind, &node->size, &PyTuple_Type,
                          &members, &PyTuple_Type, &children, &type, &PyTuple_Type, &places,
                          &names, &attribute, &literal, &limits))
        return -1;
    node->is_limited = limits != Py_None;
    if (node->is_limited && !PyArg_ParseTuple(limits, "LL", &node->least, &node->most))
        return -1;
    node->members = Py_NewRef(members);
    node->type = Py_NewRef(type);
    node->names = names == Py_None ? NULL : Py_NewRef(names);
    node->attribute = attribute == Py_None ? NULL : Py_NewRef(attribute);
    node->literal = literal == Py_None ? NULL : Py_NewRef(literal);
    node->offset = -1;
    if (fill_children(node, children) < 0 || fill_places(node, places) < 0)
        return -1;
    if (node->kind == RECORD)
        for (int i = 0; i < node->count; i++) {
            Node *field = &node->children[i];
            if (field->attribute != NULL)
                field->offset = offset_of(type, field->attribute);
        }
    return 0;
}

/* ── Texts that come again: the same object, found by its bytes ── */

enum { TEXTS = 1 << 16, TEXT_MAX = 128 };
static PyObject *texts[TEXTS];

static PyObject *shared_text(const unsigned char *bytes, Py_ssize_t size)
{
    if (size > TEXT_MAX)
        return PyUnicode_DecodeUTF8((const char *)bytes, size, NULL);
    uint64_t hash = 14695981039346656037u ^ (uint64_t)size;
    Py_ssize_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, 8);
        hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 29;
    }
    for (; i < size; i++)
        hash = (hash ^ bytes[i]) * 1099511628211u;
    PyObject **slot = &texts[(hash ^ hash >> 32) & (TEXTS - 1)];
    PyObject *known = *slot;
    if (known != NULL) {
        Py_ssize_t known_size;
        const char *known_bytes = PyUnicode_AsUTF8AndSize(known, &known_size);
        if (known_bytes != NULL && known_size == size && memcmp(known_bytes, bytes, size) == 0)
            return Py_NewRef(known);
    }
    PyObject *text = PyUnicode_DecodeUTF8((const char *)bytes, size, NULL);
    if (text != NULL) {
        *slot = Py_NewRef(text);
        Py_XDECREF(known);
    }
    return text;
}

/* ── Reading: NULL without an error means that the codec in Python has to look ── */

static void look_at_number(const Node *node, int64_t number, Reading *in)
{
    if (node->is_limited && (number < node->least || number > node->most))
        in->is_plain = 0;
}

static void look_at_text(const Node *node, const unsigned char *bytes, Py_ssize_t size,
                         Reading *in)
{
    if (!node->is_limited || !in->is_plain)
        return;
    /* Eight bytes at a time. One from 128 has its highest bit set; taking 32 from one below 32, or
     * adding one to 127, sets it. */
    const uint64_t ones = 0x0101010101010101u;
    uint64_t strange = 0;
    Py_ssize_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, 8);
        strange |= (word | (word - 32 * ones) | (word + ones)) & 128 * ones;
    }
    for (; i < size; i++)
        strange |= bytes[i] < 32 || bytes[i] > 126;
    if (strange != 0 || size < node->least || size > node->most)
        in->is_plain = 0;
}

static int read_number(Reading *in, int64_t *number)
{
    uint64_t bits = 0;
    for (int shift = 0; in->at < in->end && shift < 64; shift += 7) {
        unsigned char byte = *in->at++;
        bits |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            /* A last byte of zero says nothing; a tenth has one bit. */
            if ((byte == 0 && shift > 0) || (shift == 63 && byte > 1))
                return -1;
            *number = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
            return 0;
        }
    }
    return -1;
}

/* The bytes whose length stands first. */
static const unsigned char *read_sized(Reading *in, Py_ssize_t *size)
{
    int64_t number;
    if (read_number(in, &number) < 0 || number < 0 || number > in->end - in->at)
        return NULL;
    const unsigned char *bytes = in->at;
    *size = (Py_ssize_t)number;
    in->at += number;
    return bytes;
}

static PyObject *read_value(const Node *node, Reading *in);

static void drop(PyObject **values, int count)
{
    for (int i = 0; i < count; i++)
        Py_DECREF(values[i]);
}

static int read_fields(const Node *record, Reading *in, PyObject **values)
{
    for (int i = 0; i < record->count; i++) {
        values[i] = read_value(&record->children[i], in);
        if (values[i] == NULL) {
            drop(values, i);
            return -1;
        }
    }
    return 0;
}

static PyObject *construct(const Node *record, PyObject **values)
{
    PyObject *given[VALUES_MAX + 1];
    for (int i = 0; i < record->places_count; i++)
        given[i + 1] = values[record->places[i]];
    size_t by_place = record->names == NULL ? record->places_count : 0;
    return PyObject_Vectorcall(record->type, given + 1,
                               by_place | PY_VECTORCALL_ARGUMENTS_OFFSET, record->names);
}

static PyObject *read_record(const Node *record, Reading *in)
{
    PyObject *values[VALUES_MAX];
    if (read_fields(record, in, values) < 0)
        return NULL;
    PyObject *made = construct(record, values);
    drop(values, record->count);
    return made;
}

static PyObject *read_array(const Node *node, Reading *in)
{
    int64_t count, rest;
    /* Every item has a byte at least. */
    if (read_number(in, &count) < 0 || count < 0 || count > in->end - in->at)
        return NULL;
    PyObject *items = PyTuple_New((Py_ssize_t)count);
    if (items == NULL || count == 0)
        return items;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = read_value(&node->children[0], in);
        if (item == NULL) {
            Py_DECREF(items);
            return NULL;
        }
        PyTuple_SET_ITEM(items, i, item);
    }
    if (read_number(in, &rest) < 0 || rest != 0) {
        Py_DECREF(items);
        return NULL;
    }
    return items;
}

static PyObject *read_value(const Node *node, Reading *in)
{
    int64_t number;
    Py_ssize_t size;
    const unsigned char *bytes;
    switch (node->kind) {
    case LONG:
    case INT:
        if (read_number(in, &number) < 0 ||
            (node->kind == INT && (number < INT32_MIN || number > INT32_MAX)))
            return NULL;
        look_at_number(node, number, in);
        return PyLong_FromLongLong(number);
    case BOOLEAN:
        if (in->at == in->end || *in->at > 1)
            return NULL;
        look_at_number(node, *in->at, in);
        return Py_NewRef(*in->at++ ? Py_True : Py_False);
    case TEXT:
    case SHARED_TEXT:
        bytes = read_sized(in, &size);
        if (bytes == NULL)
            return NULL;
        look_at_text(node, bytes, size, in);
        return node->kind == SHARED_TEXT ? shared_text(bytes, size)
                                         : PyUnicode_DecodeUTF8((const char *)bytes, size, NULL);
    case BYTES:
        bytes = read_sized(in, &size);
        return bytes == NULL ? NULL : PyBytes_FromStringAndSize((const char *)bytes, size);
    case FIXED:
        if (node->size > in->end - in->at)
            return NULL;
        in->at += node->size;
        return PyBytes_FromStringAndSize((const char *)in->at - node->size, node->size);
    case ENUM:
        if (read_number(in, &number) < 0 || number < 0 ||
            number >= PyTuple_GET_SIZE(node->members))
            return NULL;
        return Py_NewRef(PyTuple_GET_ITEM(node->members, (Py_ssize_t)number));
    case OPTIONAL:
        if (in->at == in->end || (*in->at != 0 && *in->at != 2))
            return NULL;
        return *in->at++ ? read_value(&node->children[0], in) : Py_NewRef(Py_None);
    case CHOICE:
        if (read_number(in, &number) < 0 || number < 0 || number >= node->count)
            return NULL;
        return read_record(&node->children[number], in);
    case ARRAY:
        return read_array(node, in);
    default:
        return read_record(node, in);
    }
}

PyObject *decode(const Decoder *self, Reading *in, int field, PyObject **value)
{
    PyObject *values[2 * VALUES_MAX], *made = NULL;
    int count = self->around.count;
    int64_t index = 0;
    if (read_fields(&self->around, in, values) < 0)
        return NULL;
    const Node *body = &self->bodies;
    if (body->kind == CHOICE) {
        body = read_number(in, &index) == 0 && index >= 0 && index < body->count
                   ? &body->children[index] : NULL;
    }
    if (body != NULL) {
        if (read_fields(body, in, values + count) == 0) {
            count += body->count;
            if (in->at == in->end)
                made = construct(body, values);
        }
    }
    if (made != NULL && field >= 0)
        *value = Py_NewRef(values[field]);
    drop(values, count);
    return made;
}

static PyObject *decoder_call(PyObject *callable, PyObject *const *args, size_t flags,
                              PyObject *names)
{
    Decoder *self = (Decoder *)callable;
    if (PyVectorcall_NARGS(flags) == 2 && names == NULL && PyBytes_CheckExact(args[0])) {
        Py_ssize_t start = PyLong_AsSsize_t(args[1]), size = PyBytes_GET_SIZE(args[0]);
        if (start >= 0 && start <= size) {
            const unsigned char *bytes = (const unsigned char *)PyBytes_AS_STRING(args[0]);
            Reading in = {bytes + start, bytes + size, 1};
            PyObject *beside = NULL, *made = decode(self, &in, self->beside, &beside);
            if (beside != NULL) {
                PyObject *both = PyTuple_Pack(2, made, beside);
                Py_DECREF(made);
                Py_DECREF(beside);
                made = both;
            }
            if (made != NULL)
                return made;
        }
        PyErr_Clear();
    }
    return PyObject_Vectorcall(self->slow, args, flags, names);
}

/* ── Writing: -1 without an error means that the codec in Python has to write it ── */

typedef struct {
    unsigned char *bytes;
    Py_ssize_t size;
    Py_ssize_t room;
    unsigned char short_value[SHORT_MAX];
} Writing;

static unsigned char *reserve(Writing *out, Py_ssize_t size)
{
    if (size > out->room - out->size) {
        Py_ssize_t room = 2 * (out->size + size);
        unsigned char *bytes = PyMem_Malloc(room);
        if (bytes == NULL)
            return NULL;
        memcpy(bytes, out->bytes, out->size);
        if (out->bytes != out->short_value)
            PyMem_Free(out->bytes);
        out->bytes = bytes;
        out->room = room;
    }
    return out->bytes + out->size;
}

static int write_bytes(Writing *out, const char *bytes, Py_ssize_t size)
{
    unsigned char *to = reserve(out, size);
    if (to == NULL)
        return -1;
    memcpy(to, bytes, size);
    out->size += size;
    return 0;
}

static int write_number(Writing *out, int64_t number)
{
    unsigned char *to = reserve(out, 10);
    if (to == NULL)
        return -1;
    uint64_t bits = (uint64_t)number << 1 ^ (uint64_t)(number >> 63);
    for (; bits > 127; bits >>= 7)
        *to++ = (unsigned char)(bits | 128);
    *to++ = (unsigned char)bits;
    out->size = to - out->bytes;
    return 0;
}

static int write_sized(Writing *out, const char *bytes, Py_ssize_t size)
{
    return write_number(out, size) < 0 ? -1 : write_bytes(out, bytes, size);
}

static int write_value(const Node *node, PyObject *value, PyObject *beside, Writing *out);

static int write_fields(const Node *record, PyObject *object, PyObject *beside, Writing *out)
{
    for (int i = 0; i < record->count; i++) {
        const Node *field = &record->children[i];
        PyObject *value;
        int written;
        if (field->literal != NULL) {
            written = write_bytes(out, PyBytes_AS_STRING(field->literal),
                                  PyBytes_GET_SIZE(field->literal));
        } else if (field->attribute == NULL) {
            written = beside == NULL ? -1 : write_value(field, beside, beside, out);
        } else if (field->offset >= 0) {
            value = *(PyObject **)((char *)object + field->offset);
            written = value == NULL ? -1 : write_value(field, value, beside, out);
        } else {
            value = PyObject_GetAttr(object, field->attribute);
            if (value == NULL)
                return -1;
            written = write_value(field, value, beside, out);
            Py_DECREF(value);
        }
        if (written < 0)
            return -1;
    }
    return 0;
}

static int write_record(const Node *record, PyObject *object, PyObject *beside, Writing *out)
{
    if ((PyObject *)Py_TYPE(object) != record->type)
        return -1;
    return write_fields(record, object, beside, out);
}

/* Which of several records an object is, or -1. */
static int choice_of(const Node *records, PyObject *object)
{
    for (int i = 0; i < records->count; i++)
        if ((PyObject *)Py_TYPE(object) == records->children[i].type)
            return i;
    return -1;
}

static int write_value(const Node *node, PyObject *value, PyObject *beside, Writing *out)
{
    int64_t number;
    int overflow;
    Py_ssize_t size;
    const char *bytes;
    switch (node->kind) {
    case LONG:
    case INT:
        if (!PyLong_CheckExact(value))
            return -1;
        number = PyLong_AsLongLongAndOverflow(value, &overflow);
        if (overflow || (node->kind == INT && (number < INT32_MIN || number > INT32_MAX)))
            return -1;
        return write_number(out, number);
    case BOOLEAN:
        if (!PyBool_Check(value))
            return -1;
        return write_bytes(out, value == Py_True ? "\1" : "\0", 1);
    case TEXT:
    case SHARED_TEXT:
        if (!PyUnicode_Check(value))
            return -1;
        bytes = PyUnicode_AsUTF8AndSize(value, &size);
        return bytes == NULL ? -1 : write_sized(out, bytes, size);
    case BYTES:
        if (!PyBytes_CheckExact(value))
            return -1;
        return write_sized(out, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value));
    case FIXED:
        if (!PyBytes_CheckExact(value) || PyBytes_GET_SIZE(value) != node->size)
            return -1;
        return write_bytes(out, PyBytes_AS_STRING(value), node->size);
    case ENUM:
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(node->members); i++)
            if (PyTuple_GET_ITEM(node->members, i) == value)
                return write_number(out, i);
        return -1;
    case OPTIONAL:
        if (value == Py_None)
            return write_bytes(out, "\0", 1);
        if (write_bytes(out, "\2", 1) < 0)
            return -1;
        return write_value(&node->children[0], value, beside, out);
    case CHOICE:
        number = choice_of(node, value);
        if (number < 0 || write_number(out, number) < 0)
            return -1;
        return write_record(&node->children[number], value, beside, out);
    case ARRAY:
        if (!PyTuple_CheckExact(value))
            return -1;
        size = PyTuple_GET_SIZE(value);
        if (size > 0) {
            if (write_number(out, size) < 0)
                return -1;
            for (Py_ssize_t i = 0; i < size; i++)
                if (write_value(&node->children[0], PyTuple_GET_ITEM(value, i), beside, out) < 0)
                    return -1;
        }
        return write_bytes(out, "\0", 1);
    default:
        return write_record(node, value, beside, out);
    }
}

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    PyObject *slow;
    Node bodies;   /* CHOICE: of each type, all that is written, the prefix too */
    int last;      /* the body written last: the next one is often alike */
} Encoder;

static PyObject *encode(Encoder *self, PyObject *object, PyObject *beside)
{
    if ((PyObject *)Py_TYPE(object) != self->bodies.children[self->last].type) {
        int index = choice_of(&self->bodies, object);
        if (index < 0)
            return NULL;
        self->last = index;
    }
    Writing out;
    out.bytes = out.short_value;
    out.size = 0;
    out.room = SHORT_MAX;
    PyObject *written = NULL;
    if (write_fields(&self->bodies.children[self->last], object, beside, &out) == 0)
        written = PyBytes_FromStringAndSize((const char *)out.bytes, out.size);
    if (out.bytes != out.short_value)
        PyMem_Free(out.bytes);
    return written;
}

/* encode(object[, beside]) */
static PyObject *encoder_call(PyObject *callable, PyObject *const *args, size_t flags,
                              PyObject *names)
{
    Encoder *self = (Encoder *)callable;
    Py_ssize_t count = PyVectorcall_NARGS(flags);
    if (names == NULL && (count == 1 || count == 2)) {
        PyObject *written = encode(self, args[0], count == 2 ? args[1] : NULL);
        if (written != NULL)
            return written;
        PyErr_Clear();
    }
    return PyObject_Vectorcall(self->slow, args, flags, names);
}

/* ── The module ── */

static void decoder_dealloc(PyObject *object)
{
    Decoder *self = (Decoder *)object;
    node_clear(&self->around);
    node_clear(&self->bodies);
    Py_XDECREF(self->slow);
    Py_TYPE(object)->tp_free(object);
}

static void encoder_dealloc(PyObject *object)
{
    Encoder *self = (Encoder *)object;
    node_clear(&self->bodies);
    Py_XDECREF(self->slow);
    Py_TYPE(object)->tp_free(object);
}

PyTypeObject DecoderType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "schemas._native.Decoder",
    .tp_basicsize = sizeof(Decoder),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_vectorcall_offset = offsetof(Decoder, call),
    .tp_call = PyVectorcall_Call,
    .tp_dealloc = decoder_dealloc,
};

static PyTypeObject EncoderType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "schemas._native.Encoder",
    .tp_basicsize = sizeof(Encoder),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_vectorcall_offset = offsetof(Encoder, call),
    .tp_call = PyVectorcall_Call,
    .tp_dealloc = encoder_dealloc,
};

static PyObject *make_decoder(PyObject *module, PyObject *args)
{
    PyObject *around, *bodies, *slow;
    int beside;
    if (!PyArg_ParseTuple(args, "OOiO", &around, &bodies, &beside, &slow))
        return NULL;
    Decoder *self = PyObject_New(Decoder, &DecoderType);
    if (self == NULL)
        return NULL;
    memset((char *)self + offsetof(Decoder, call), 0, sizeof *self - offsetof(Decoder, call));
    self->call = decoder_call;
    self->slow = Py_NewRef(slow);
    self->beside = beside;
    if (node_fill(&self->around, around) < 0 || node_fill(&self->bodies, bodies) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static PyObject *make_encoder(PyObject *module, PyObject *args)
{
    PyObject *bodies, *slow;
    if (!PyArg_ParseTuple(args, "OO", &bodies, &slow))
        return NULL;
    Encoder *self = PyObject_New(Encoder, &EncoderType);
    if (self == NULL)
        return NULL;
    memset((char *)self + offsetof(Encoder, call), 0, sizeof *self - offsetof(Encoder, call));
    self->call = encoder_call;
    self->slow = Py_NewRef(slow);
    if (node_fill(&self->bodies, bodies) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static PyMethodDef functions[] = {
    {"decoder", make_decoder, METH_VARARGS, "A function from a value and an index to an object."},
    {"encoder", make_encoder, METH_VARARGS, "A function from an object to a value."},
    {"read_run", read_run, METH_VARARGS, "Inputs of records, as far as these are as most are."},
    {"sha256", hash_value, METH_O, "A value's SHA-256."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "schemas._native",
    .m_doc = "The codec's quick way.",
    .m_size = -1,
    .m_methods = functions,
};

PyMODINIT_FUNC PyInit__native(void)
{
    if (PyType_Ready(&DecoderType) < 0 || PyType_Ready(&EncoderType) < 0 ||
        prepare_runs() < 0)
        return NULL;
    return PyModule_Create(&definition);
}
