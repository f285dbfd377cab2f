//! The section `batch.protocol`: how requests are joined into one, and its answer is split.

use crate::read::{section, words};

section! {
    /// How requests are joined, and their answer is split: exactly one of json_rpc, json_array, embeddings, id_list.
    Protocol {
        required {}
        optional {
            /// JSON-RPC 2.0: calls become one batch array; answers find their call by its id.
            json_rpc: JsonRpc,
            /// Items of a JSON array, answered by an array in the same order.
            json_array: JsonArray,
            /// Embeddings as OpenAI's interface has them: inputs become one list; vectors find their input by its index.
            embeddings: Embeddings,
            /// Objects by their ids: `GET /items?ids=1,2` and `GET /items/3` become one `GET /items?ids=1,2,3`.
            id_list: IdList,
        }
    }
}

section! {
    /// JSON-RPC 2.0. Requests are POST.
    JsonRpc {
        required {}
        optional {
            /// Methods that may be called twice; one that ends in `*` stands for all that begin so. Default: none.
            #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
            repeatable: Vec<Option<String>>,
            /// Where in a call stands what it weighs by (max_weight), a JSON pointer such as `/params/0`: the bytes of a
            /// text, the items of an array. Default, and where there is neither: the bytes of the call.
            #[cfg_attr(feature = "schema", schemars(extend("examples" = ["/params/0"])))]
            weigh: String,
        }
    }
}

section! {
    /// Items of an array, answered in their order; not for servers that change it. Requests are POST.
    JsonArray {
        required {}
        optional {
            /// The field of a batch that is the array, such as `instances`. Default: the batch is the array.
            #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
            field: String,
            /// The field of the answer that is the array, such as `predictions`. Default: the answer is the array.
            #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
            answers: String,
            /// What a client sends. Default: item.
            sends: Sends,
            /// Every item may be asked for twice. Default: false.
            repeatable: bool,
            /// Where in an item stands what it weighs by (max_weight), a JSON pointer such as `/text`: the bytes of a text,
            /// the items of an array. Default, and where there is neither: the bytes of the item.
            #[cfg_attr(feature = "schema", schemars(extend("examples" = ["/text"])))]
            weigh: String,
        }
    }
}

words! {
    /// What a client sends.
    Sends {
        /// One item, whatever it is; its answer is the item of the answer.
        Item = "item",
        /// A document like that of a batch, with one item or several; its answer is like that to a batch.
        Items = "items",
    }
}

section! {
    /// Embeddings as OpenAI's interface has them, `{"model": …, "input": …}`. Requests are POST. One that is beyond these
    /// limits goes by itself; no batch is beyond them.
    Embeddings {
        required {}
        optional {
            /// The most inputs of a request, 1 to 10000. Default: 2048, which is OpenAI's.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10_000)))]
            max_items: u64,
            /// The most tokens of an input, 1 to max_tokens. Default: 8192, which is OpenAI's,
            /// or max_tokens if that is less.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000_000_000)))]
            max_item_tokens: u64,
            /// The most tokens of a request, 1 to 1000000000. Default: 300000, which is OpenAI's.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000_000_000)))]
            max_tokens: u64,
            /// How many bytes of a text are taken for a token, 1 to 16; fewer are more cautious. English has four or five,
            /// other languages about two. Default: 3.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 16)))]
            bytes_per_token: u64,
            /// Vectors without an `index` are in the order of the inputs: they are taken so if no vector of the answer has
            /// one, and there are as many as inputs. Only for servers that are known to keep it. Default: false.
            ordered: bool,
        }
    }
}

section! {
    /// Objects by their ids. Requests are GET without a body.
    IdList {
        required {
            /// The path that takes a list, without its query, such as `/items`.
            #[cfg_attr(feature = "schema", schemars(extend("examples" = ["/items"])))]
            path: String,
            /// The parameter of its query that has the ids, such as `ids`: letters, digits and `- . _ ~`.
            #[cfg_attr(feature = "schema", schemars(extend("examples" = ["ids"])))]
            parameter: String,
        }
        optional {
            /// How a list of ids is written. Default: comma.
            form: IdForm,
            /// `path/<id>` asks for one of the same objects, and is batched, too. Only where nothing else lies below the
            /// path. Default: false.
            single: bool,
            /// The field of the answer that has the objects. Default: the answer is the array.
            #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
            field: String,
            /// Where an object has its id, a text or number: a JSON pointer. Default: `/id`.
            #[cfg_attr(feature = "schema", schemars(extend("examples" = ["/id"])))]
            id: String,
        }
    }
}

words! {
    /// How a list of ids is written in a query.
    IdForm {
        /// `ids=1,2`
        Comma = "comma",
        /// `ids=1&ids=2`
        Repeated = "repeated",
    }
}
