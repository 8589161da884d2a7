//! Loading an ONNX file reads what it names, so a file is walked before it is loaded: no data outside it, no sparse
//! tensors, no foreign operators, no absurd dimensions. The file is then loaded from the bytes that were walked.

use prost::Message;

/// Why a file is not loaded.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CheckError {
    /// Not a protobuf, truncated, or nested too deeply.
    #[error("not a whole ONNX file: {0}")]
    Malformed(String),
    /// There is no graph.
    #[error("it has no graph")]
    NoGraph,
    /// A tensor lies in another file.
    #[error("tensor `{0}` lies outside the file")]
    External(String),
    /// Sparse tensors point into memory by index.
    #[error("it has a sparse tensor in `{0}`")]
    Sparse(String),
    /// An operator of a domain that ONNX Runtime does not ship.
    #[error("operator `{operator}` is of domain `{domain}`, only ONNX's own and `com.microsoft` are taken")]
    Domain {
        /// The operator.
        operator: String,
        /// Its domain.
        domain: String,
    },
    /// A tensor larger than any model here needs, or with a negative dimension.
    #[error("tensor `{name}` has dimensions {dims:?}, at most {MAX_ELEMENTS} elements are taken")]
    Size {
        /// The tensor.
        name: String,
        /// Its dimensions.
        dims: Vec<i64>,
    },
}

/// The most elements of one tensor: four times the largest layer of a large vision model.
pub const MAX_ELEMENTS: i64 = 1 << 28;

const DOMAINS: [&str; 4] = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"];
const EXTERNAL: i32 = 1;

// The parts of onnx.proto (ONNX 1.17) that a walk needs; prost skips the rest.
#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    opset_import: Vec<OperatorSetProto>,
    #[prost(message, repeated, tag = "25")]
    functions: Vec<FunctionProto>,
}

#[derive(Clone, PartialEq, Message)]
struct OperatorSetProto {
    #[prost(string, tag = "1")]
    domain: String,
}

#[derive(Clone, PartialEq, Message)]
struct FunctionProto {
    #[prost(message, repeated, tag = "7")]
    node: Vec<NodeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "15")]
    sparse_initializer: Vec<Anything>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeProto {
    #[prost(string, tag = "4")]
    op_type: String,
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<AttributeProto>,
    #[prost(string, tag = "7")]
    domain: String,
}

#[derive(Clone, PartialEq, Message)]
struct AttributeProto {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "5")]
    t: Option<TensorProto>,
    #[prost(message, optional, tag = "6")]
    g: Option<GraphProto>,
    #[prost(message, repeated, tag = "10")]
    tensors: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    graphs: Vec<GraphProto>,
    #[prost(message, optional, tag = "22")]
    sparse_tensor: Option<Anything>,
    #[prost(message, repeated, tag = "23")]
    sparse_tensors: Vec<Anything>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<Anything>,
    #[prost(int32, tag = "14")]
    data_location: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Anything {}

/// Walks a file. What passes refers to nothing outside itself.
pub fn check(bytes: &[u8]) -> Result<(), CheckError> {
    let model = ModelProto::decode(bytes).map_err(|error| CheckError::Malformed(error.to_string()))?;
    for set in &model.opset_import {
        domain("opset import", &set.domain)?;
    }
    model.functions.iter().try_for_each(|function| nodes(&function.node))?;
    graph(model.graph.as_ref().ok_or(CheckError::NoGraph)?)
}

fn graph(graph: &GraphProto) -> Result<(), CheckError> {
    if !graph.sparse_initializer.is_empty() {
        return Err(CheckError::Sparse("initialisers".to_owned()));
    }
    graph.initializer.iter().try_for_each(tensor)?;
    nodes(&graph.node)
}

fn nodes(nodes: &[NodeProto]) -> Result<(), CheckError> {
    for node in nodes {
        domain(&node.op_type, &node.domain)?;
        for attribute in &node.attribute {
            if attribute.sparse_tensor.is_some() || !attribute.sparse_tensors.is_empty() {
                return Err(CheckError::Sparse(attribute.name.clone()));
            }
            attribute.t.iter().chain(&attribute.tensors).try_for_each(tensor)?;
            attribute.g.iter().chain(&attribute.graphs).try_for_each(graph)?;
        }
    }
    Ok(())
}

fn domain(operator: &str, domain: &str) -> Result<(), CheckError> {
    if DOMAINS.contains(&domain) {
        Ok(())
    } else {
        Err(CheckError::Domain { operator: operator.to_owned(), domain: domain.to_owned() })
    }
}

fn tensor(tensor: &TensorProto) -> Result<(), CheckError> {
    if tensor.data_location == EXTERNAL || !tensor.external_data.is_empty() {
        return Err(CheckError::External(tensor.name.clone()));
    }
    let elements = tensor.dims.iter().try_fold(1_i64, |product, dim| {
        if *dim < 0 { None } else { product.checked_mul(*dim).filter(|product| *product <= MAX_ELEMENTS) }
    });
    match elements {
        Some(_) => Ok(()),
        None => Err(CheckError::Size { name: tensor.name.clone(), dims: tensor.dims.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hostile(change: impl Fn(&mut GraphProto)) -> Result<(), CheckError> {
        // Hidden in the branch of an `If` inside a function, where a careless walk does not look.
        let mut inner = GraphProto::default();
        change(&mut inner);
        let branch = AttributeProto { name: "then_branch".into(), g: Some(inner), ..Default::default() };
        let node = NodeProto { op_type: "If".into(), attribute: vec![branch], ..Default::default() };
        let function = FunctionProto { node: vec![node] };
        let model = ModelProto {
            graph: Some(GraphProto::default()),
            functions: vec![function],
            ..Default::default()
        };
        check(&model.encode_to_vec())
    }

    fn constant(tensor: TensorProto) -> NodeProto {
        let value = AttributeProto { name: "value".into(), t: Some(tensor), ..Default::default() };
        NodeProto { op_type: "Constant".into(), attribute: vec![value], ..Default::default() }
    }

    #[test]
    fn harmless_graphs_pass() {
        assert_eq!(
            hostile(|graph| graph
                .node
                .push(constant(TensorProto { dims: vec![3, 4], ..Default::default() }))),
            Ok(())
        );
    }

    #[test]
    fn what_reaches_outside_is_refused() {
        let named = |name: &str| TensorProto { name: name.into(), ..Default::default() };
        let external = TensorProto { data_location: EXTERNAL, ..named("w") };
        assert_eq!(
            hostile(|graph| graph.initializer.push(external.clone())),
            Err(CheckError::External("w".into()))
        );
        let keyed = TensorProto { external_data: vec![Anything {}], ..named("k") };
        assert_eq!(
            hostile(|graph| graph.node.push(constant(keyed.clone()))),
            Err(CheckError::External("k".into()))
        );
        let sparse = hostile(|graph| graph.sparse_initializer.push(Anything {}));
        assert!(matches!(sparse, Err(CheckError::Sparse(_))));
        let foreign = NodeProto { op_type: "Shell".into(), domain: "evil".into(), ..Default::default() };
        assert!(matches!(hostile(|graph| graph.node.push(foreign.clone())), Err(CheckError::Domain { .. })));
    }

    #[test]
    fn absurd_dimensions_are_refused() {
        for dims in [vec![1 << 40], vec![1 << 20, 1 << 20], vec![i64::MAX, i64::MAX], vec![-1]] {
            let tensor = TensorProto { dims, ..Default::default() };
            assert!(matches!(
                hostile(|graph| graph.initializer.push(tensor.clone())),
                Err(CheckError::Size { .. })
            ));
        }
    }

    #[test]
    fn endless_nesting_is_an_error() {
        let mut graph = GraphProto::default();
        for _ in 0..500 {
            let branch = AttributeProto { g: Some(graph), ..Default::default() };
            graph = GraphProto {
                node: vec![NodeProto { attribute: vec![branch], ..Default::default() }],
                ..Default::default()
            };
        }
        let model = ModelProto { graph: Some(graph), ..Default::default() };
        assert!(matches!(check(&model.encode_to_vec()), Err(CheckError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            check(&bytes).ok();
        }
    }
}
