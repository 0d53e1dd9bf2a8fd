//! The parts of one module as they were read, before anything is renamed or merged.

use super::netlist::Direction;
use super::token::Token;

/// `wire` or `reg`, a sign and a constant width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub reg: bool,
    pub signed: bool,
    pub width: usize,
}

impl Shape {
    /// `wire signed [7:0] `, with the space before the name.
    pub(super) fn text(&self) -> String {
        let kind = if self.reg { "reg" } else { "wire" };
        let sign = if self.signed { " signed" } else { "" };
        match self.width {
            1 => format!("{kind}{sign} "),
            width => format!("{kind}{sign} [{}:0] ", width - 1),
        }
    }
}

/// A port with its declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourcePort {
    pub name: String,
    pub direction: Direction,
    pub shape: Shape,
}

/// One connection of an instance; by position when it names no port.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    pub port: Option<String>,
    pub value: Vec<Token>,
}

/// One item of a module's body.
#[derive(Debug, Clone)]
pub(super) enum Item {
    /// `localparam name = value;`
    Constant { name: String, signed: bool, value: Vec<Token> },
    /// `reg [7:0] name;` with a constant width and nothing else.
    Net { name: String, shape: Shape },
    /// A submodule.
    Instance { module: String, parameters: Vec<Token>, name: String, connections: Vec<Connection> },
    /// `assign name = value;`, made from the process of rust-hdl.
    Assign { target: String, value: Vec<Token> },
    /// `always @(*) begin ... end`: the statements between `begin` and `end`, each with its semicolon or `end`.
    Process { statements: Vec<Vec<Token>> },
    /// Anything else, token by token.
    Other(Vec<Token>),
}

impl Item {
    /// Every token of the item that may mention a name of the module.
    pub(super) fn tokens(&self) -> Box<dyn Iterator<Item = &Token> + '_> {
        match self {
            Item::Constant { value, .. } => Box::new(value.iter()),
            Item::Net { .. } => Box::new(std::iter::empty()),
            Item::Instance { parameters, connections, .. } => {
                Box::new(parameters.iter().chain(connections.iter().flat_map(|c| &c.value)))
            }
            Item::Assign { value, .. } => Box::new(value.iter()),
            Item::Process { statements } => Box::new(statements.iter().flatten()),
            Item::Other(tokens) => Box::new(tokens.iter()),
        }
    }

    /// The same, to be changed.
    pub(super) fn tokens_mut(&mut self) -> Box<dyn Iterator<Item = &mut Token> + '_> {
        match self {
            Item::Constant { value, .. } => Box::new(value.iter_mut()),
            Item::Net { .. } => Box::new(std::iter::empty()),
            Item::Instance { parameters, connections, .. } => {
                Box::new(parameters.iter_mut().chain(connections.iter_mut().flat_map(|c| &mut c.value)))
            }
            Item::Assign { value, .. } => Box::new(value.iter_mut()),
            Item::Process { statements } => Box::new(statements.iter_mut().flatten()),
            Item::Other(tokens) => Box::new(tokens.iter_mut()),
        }
    }
}

/// A module of rust-hdl's making.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub name: String,
    pub line: usize,
    pub ports: Vec<SourcePort>,
    pub items: Vec<Item>,
}

impl Source {
    /// The shape of a port or a plain net.
    pub(super) fn shape(&self, name: &str) -> Option<&Shape> {
        let port = self.ports.iter().find(|port| port.name == name).map(|port| &port.shape);
        port.or_else(|| {
            self.items.iter().find_map(|item| match item {
                Item::Net { name: net, shape } if net == name => Some(shape),
                _ => None,
            })
        })
    }
}

/// A module that rust-hdl copied from a `BlackBox` or a `Wrapper`: its tokens from its attributes to `endmodule`.
#[derive(Debug, Clone)]
pub(super) struct Foreign {
    pub name: String,
    pub line: usize,
    pub tokens: Vec<Token>,
}
